# Prune: the whole pool without the frames judged worst, without those judged best, and without random ones. Only with
# `prune` in the config.
# Needs: frame_values.csv (which ranks the frames), frames.csv, labels.h5.
# Makes: prune/{removed}/subsets/percent-100/seed-*.json, prune/{removed}/percent-100/seed-*/ as ensembles/ has them,
# prune.csv.


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
        by=CONFIG.get("prune", {}).get("by"),
        study_seed=CONFIG["seed"],
    shell:
        "python -m frameworth prune-subset {output:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--values {input.values:q} --by {params.by} --removed {wildcards.removed} --network {wildcards.network} "
        "--study-seed {params.study_seed} 2> {log:q}"


rule prune_ensemble:
    """Train the network of one pruned pool, and predict all frames."""
    input:
        subset=f"{RESULTS}/prune/{{removed}}/subsets/percent-100/seed-{{network}}.json",
        labels=f"{RESULTS}/labels.h5",
        weights=imagenet_weights(),
        pilot=pilot_choice(),
    output:
        [f"{RESULTS}/prune/{{removed}}/percent-100/seed-{{network}}/member-0.pt"] if CONFIG["keep_snapshots"] else [],
        f"{RESULTS}/prune/{{removed}}/percent-100/seed-{{network}}/training.json",
        f"{RESULTS}/prune/{{removed}}/percent-100/seed-{{network}}/predictions.h5",
        f"{RESULTS}/prune/{{removed}}/percent-100/seed-{{network}}/consensus.h5",
        multiext(f"{RESULTS}/prune/{{removed}}/percent-100/seed-{{network}}/consensus_dlc", ".h5", ".csv"),
    log:
        f"{LOGS}/prune/{{removed}}_network-{{network}}.log",
    wildcard_constraints:
        removed=REMOVED_PATTERN,
        network=r"\d+",
    conda:
        "../../envs/frameworth.yaml"
    threads: 1
    resources:
        gpu=0 if CONFIG["training"]["device"] == "cpu" else 1,
        mem_mb=training_memory,
        runtime=lambda wildcards, attempt: training_minutes([PlannedSubset(100, 1, "prune", 1)], attempt),
    params:
        folder=lambda wildcards, output: Path(output[0]).parents[2],
        store=f"{RESULTS}/.store",
        training=as_json(weight_options(CONFIG["training"])),
        pilot=PILOT_OPTION,
        study_seed=CONFIG["seed"],
        consensus=CONFIG["prediction"]["consensus"],
        distractor_radius=CONFIG["prediction"]["distractor_radius"],
        device=CONFIG["training"]["device"],
        imagenet=IMAGENET_OPTION,
        keep_snapshots=CONFIG["keep_snapshots"],
    shell:
        "exec python -m frameworth ensemble {input.subset:q} --labels {input.labels:q} "
        "--folder {params.folder:q} --store {params.store:q} --training {params.training:q} {params.pilot} "
        "--study-seed {params.study_seed} --members 1 --device {params.device} "
        "--consensus {params.consensus} --distractor-radius {params.distractor_radius} "
        "{params.imagenet} --keep-snapshots {params.keep_snapshots} 2> {log:q}"


rule prune:
    """Compare what was left out, network by network."""
    input:
        prune_predictions(),
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
        prune=as_json(CONFIG.get("prune")),
        level=CONFIG["influence"]["level"],
    shell:
        "python -m frameworth prune {params.folder:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--prune {params.prune:q} --level {params.level} --out {output:q} 2> {log:q}"
