# Toggle: paired networks with and without the flagged group of frames. Only with `toggle` in the config.
# Needs: frame_values.csv (which says what is flagged), frames.csv, labels.h5.
# Makes: toggle/{side}/subsets/percent-050/seed-*.json, which ensembles.smk trains on, and toggle.csv.


localrules:
    toggle_subset,
    toggle,


rule toggle_subset:
    """Draw one side of one pair."""
    input:
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
        values=f"{RESULTS}/frame_values.csv",
    output:
        f"{RESULTS}/toggle/{{side}}/subsets/percent-050/seed-{{pair}}.json",
    log:
        f"{LOGS}/toggle/{{side}}_subset-{{pair}}.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        toggle=as_json(CONFIG.toggle),
        study_seed=CONFIG.seed,
    shell:
        "python -m frameworth toggle-subset {output:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--values {input.values:q} --toggle {params.toggle:q} --side {wildcards.side} --pair {wildcards.pair} "
        "--study-seed {params.study_seed} 2> {log:q}"


rule toggle:
    """Compare the sides pair by pair."""
    input:
        FILES.ensembles(TOGGLE, "predictions.h5"),
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
        toggle=as_json(CONFIG.toggle),
        level=CONFIG.influence.level,
    shell:
        "python -m frameworth toggle {params.folder:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--values {input.values:q} --toggle {params.toggle:q} --level {params.level} --out {output:q} 2> {log:q}"
