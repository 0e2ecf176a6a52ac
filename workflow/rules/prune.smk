# Prune: the whole pool without the frames judged worst, without those judged best, and without random ones. Only with
# `prune` in the config.
# Needs: frame_values.csv (which ranks the frames), frames.csv, labels.h5.
# Makes: prune/{removed}/subsets/percent-100/seed-*.json, which ensembles.smk trains on, and prune.csv.


localrules:
    prune_subset,
    prune,


rule prune_subset:
    """Write the pool without some frames."""
    input:
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
        values=f"{RESULTS}/frame_values.csv",
    output:
        f"{RESULTS}/prune/{{removed}}/subsets/percent-100/seed-{{network}}.json",
    log:
        f"{LOGS}/prune/{{removed}}_subset-{{network}}.log",
    wildcard_constraints:
        removed=REMOVED_PATTERN,
        network=r"\d+",
    conda:
        "../../envs/frameworth.yaml"
    params:
        by=CONFIG.prune and CONFIG.prune.by,
        study_seed=CONFIG.seed,
    shell:
        "python -m frameworth prune-subset {output:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--values {input.values:q} --by {params.by} --removed {wildcards.removed} --network {wildcards.network} "
        "--study-seed {params.study_seed} 2> {log:q}"


rule prune:
    """Compare what was left out, network by network."""
    input:
        FILES.ensembles(PRUNE, "predictions.h5"),
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
    output:
        f"{RESULTS}/prune.csv",
    log:
        f"{LOGS}/prune.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        folder=lambda wildcards, output: Path(output[0]).parent / "prune",
        prune=as_json(CONFIG.prune),
        level=CONFIG.influence.level,
    shell:
        "python -m frameworth prune {params.folder:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--prune {params.prune:q} --level {params.level} --out {output:q} 2> {log:q}"
