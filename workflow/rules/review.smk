# Review: the frames to check as a small DeepLabCut project, and corrected labels back into a copy of the project.
# Needs: labels_to_check.csv and what it is made from. Makes, when asked for by name, review/ and corrected_project/.
# Neither is declared: Snakemake would delete corrected labels before it runs the rule.


localrules:
    review,
    apply_review,


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


rule apply_review:
    """Copy the project with the labels that were corrected in the review, and say what that outdates."""
    input:
        FILES("labels.h5", "subsets.h5", "rmse.csv"),
    log:
        f"{LOGS}/apply_review.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(input[0], parent=True),
        project=lambda wildcards: FILES.project,
        held_out=as_json(CONFIG.held_out),
        seed=CONFIG.seed,
        keep_snapshots=CONFIG.keep_snapshots,
    shell:
        "python -m frameworth apply-review {params.study:q} --project {params.project:q} "
        "--held-out {params.held_out:q} --seed {params.seed} --keep-snapshots {params.keep_snapshots} 2> {log:q}"
