# Verify: the files of a study against the digests that they were written with, when asked for by name.
# Needs: what there is of a study. Makes: nothing; `frameworth verify {folder} --remove` removes what is damaged.


localrules:
    verify,


rule verify:
    """Report which files of the study are not as they were written."""
    log:
        f"{LOGS}/verify.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=RESULTS,
    shell:
        "python -m frameworth verify {params.study:q} 2>&1 | tee {log:q}"
