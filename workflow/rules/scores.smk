# Scores: how well each subset's networks do at every frame and keypoint.
# Needs: all predictions, frames.csv, labels.h5, subsets.csv. Makes: scores.h5, rmse.csv.


localrules:
    scores,


rule scores:
    """Score all networks and ensembles against the labels."""
    input:
        FILES.ensembles(GRID, "predictions.h5", "consensus.h5"),
        FILES("frames.csv", "labels.h5", "subsets.csv", "subsets.h5"),
    output:
        f"{RESULTS}/scores.h5",
        f"{RESULTS}/rmse.csv",
    log:
        f"{LOGS}/scores.log",
    conda:
        "../../envs/frameworth.yaml"
    resources:
        mem_mb=collecting_memory,
    params:
        study=subpath(output[0], parent=True),
        form=CONFIG.prediction.consensus,
    shell:
        "python -m frameworth scores {params.study:q} --form {params.form} 2> {log:q}"
