# Toggle: paired networks with and without the flagged group of frames. Only with `toggle` in the config.
# Needs: frame_values.csv (which says what is flagged), frames.csv, labels.h5.
# Makes: toggle/{side}/subsets/percent-050/seed-*.json, which ensembles.smk trains on, and toggle.csv.


localrules:
    toggle_subset,
    toggle,


rule toggle_subset:
    """Draw one side of one pair."""
    input:
        FILES("frames.csv", "labels.h5", "frame_values.csv"),
    output:
        f"{RESULTS}/toggle/{{side}}/subsets/percent-050/seed-{{pair}}.json",
    log:
        f"{LOGS}/toggle/{{side}}_subset-{{pair}}.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(input[0], parent=True),
        toggle=as_json(CONFIG.toggle),
        study_seed=CONFIG.seed,
    shell:
        "python -m frameworth toggle-subset {params.study:q} --toggle {params.toggle:q} --side {wildcards.side} "
        "--pair {wildcards.pair} --study-seed {params.study_seed} 2> {log:q}"


rule toggle:
    """Compare the sides pair by pair."""
    input:
        FILES.ensembles(TOGGLE, "predictions.h5"),
        FILES("frames.csv", "labels.h5", "frame_values.csv"),
    output:
        f"{RESULTS}/toggle.csv",
    log:
        f"{LOGS}/toggle.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        toggle=as_json(CONFIG.toggle),
        level=CONFIG.influence.level,
    shell:
        "python -m frameworth toggle {params.study:q} --toggle {params.toggle:q} --level {params.level} 2> {log:q}"
