# Scores: how well each subset's networks do at every frame and keypoint.
# Needs: all predictions, frames.csv, labels.h5, subsets.csv. Makes: scores.h5, rmse.csv.


localrules:
    scores,


rule scores:
    """Score all networks and ensembles against the labels."""
    input:
        FILES.ensembles(GRID, "predictions.h5", "consensus.h5"),
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
        subsets=f"{RESULTS}/subsets.csv",
    output:
        scores=f"{RESULTS}/scores.h5",
        rmse=f"{RESULTS}/rmse.csv",
    log:
        f"{LOGS}/scores.log",
    conda:
        "../../envs/frameworth.yaml"
    resources:
        mem_mb=collecting_memory,
    params:
        study=subpath(output.scores, parent=True),
        form=CONFIG.prediction.consensus,
    shell:
        "python -m frameworth scores {params.study:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--form {params.form} --scores {output.scores:q} --rmse {output.rmse:q} 2> {log:q}"
