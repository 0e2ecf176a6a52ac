# Toggle: paired networks with and without the flagged group of frames. Only with `toggle` in the config.
# Needs: frame_values.csv (which says what is flagged), frames.csv, labels.h5.
# Makes: toggle/{arm}/subsets/percent-050/seed-*.json, toggle/{arm}/percent-050/seed-*/ as ensembles/ has them, toggle.csv.


localrules:
    toggle_subset,
    toggle,


rule toggle_subset:
    """Draw one arm of one pair."""
    input:
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
        values=f"{RESULTS}/frame_values.csv",
    output:
        f"{RESULTS}/toggle/{{arm}}/subsets/percent-050/seed-{{pair}}.json",
    log:
        f"{LOGS}/toggle/{{arm}}_subset-{{pair}}.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        toggle=as_json(CONFIG.get("toggle")),
        study_seed=CONFIG["seed"],
    shell:
        "python -m frameworth toggle-subset {output:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--values {input.values:q} --toggle {params.toggle:q} --arm {wildcards.arm} --pair {wildcards.pair} "
        "--study-seed {params.study_seed} 2> {log:q}"


rule toggle_ensemble:
    """Train the network of one arm of one pair, and predict all frames."""
    input:
        subset=f"{RESULTS}/toggle/{{arm}}/subsets/percent-050/seed-{{pair}}.json",
        labels=f"{RESULTS}/labels.h5",
        weights=imagenet_weights(),
        pilot=pilot_choice(),
    output:
        [f"{RESULTS}/toggle/{{arm}}/percent-050/seed-{{pair}}/member-0.pt"] if CONFIG["keep_snapshots"] else [],
        f"{RESULTS}/toggle/{{arm}}/percent-050/seed-{{pair}}/training.json",
        f"{RESULTS}/toggle/{{arm}}/percent-050/seed-{{pair}}/predictions.h5",
        f"{RESULTS}/toggle/{{arm}}/percent-050/seed-{{pair}}/consensus.h5",
        multiext(f"{RESULTS}/toggle/{{arm}}/percent-050/seed-{{pair}}/consensus_dlc", ".h5", ".csv"),
    log:
        f"{LOGS}/toggle/{{arm}}_pair-{{pair}}.log",
    conda:
        "../../envs/frameworth.yaml"
    threads: 1
    resources:
        gpu=0 if CONFIG["training"]["device"] == "cpu" else 1,
        mem_mb=training_memory,
        runtime=lambda wildcards, attempt: training_minutes([PlannedSubset(90, 1, "toggle", 1)], attempt),
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


rule toggle:
    """Compare the arms pair by pair."""
    input:
        toggle_predictions(),
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
        values=f"{RESULTS}/frame_values.csv",
    output:
        f"{RESULTS}/toggle.csv",
    log:
        f"{LOGS}/toggle.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        folder=lambda wildcards, output: Path(output[0]).parent / "toggle",
        toggle=as_json(CONFIG.get("toggle")),
        level=CONFIG["influence"]["level"],
    shell:
        "python -m frameworth toggle {params.folder:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--values {input.values:q} --toggle {params.toggle:q} --level {params.level} --out {output:q} 2> {log:q}"
