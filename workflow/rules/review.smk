# Review: the frames to check as a small DeepLabCut project; `frameworth apply` reads what was corrected in it.
# Needs: labels_to_check.csv and what it is made from. Makes review/ when asked for by name. The folder is not declared:
# Snakemake would delete corrected labels before it runs the rule.


localrules:
    review,


rule review:
    """Write the frames whose labels to check, for napari-deeplabcut."""
    input:
        FILES("labels_to_check.csv", "scores.h5", "labels.h5", "subsets.h5"),
    log:
        f"{LOGS}/review.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(input[0], parent=True),
        project=lambda wildcards: FILES.project,
    shell:
        "python -m frameworth review {params.study:q} --project {params.project:q} 2> {log:q}"
