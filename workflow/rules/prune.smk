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
        FILES("frames.csv", "labels.h5", "frame_values.csv"),
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
        study=subpath(input[0], parent=True),
        by=CONFIG.prune and CONFIG.prune.by,
        study_seed=CONFIG.seed,
    shell:
        "python -m frameworth prune-subset {params.study:q} --by {params.by} --removed {wildcards.removed} "
        "--network {wildcards.network} --study-seed {params.study_seed} 2> {log:q}"


rule prune:
    """Compare what was left out, network by network."""
    input:
        FILES.ensembles(PRUNE, "predictions.h5"),
        FILES("frames.csv", "labels.h5"),
    output:
        f"{RESULTS}/prune.csv",
    log:
        f"{LOGS}/prune.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        prune=as_json(CONFIG.prune),
        level=CONFIG.influence.level,
    shell:
        "python -m frameworth prune {params.study:q} --prune {params.prune:q} --level {params.level} 2> {log:q}"
