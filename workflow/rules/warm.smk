# Warm influence: continued training of a few finished networks with each frame that they have not seen.
# Needs: the networks of some ensembles, their subsets' files, labels.h5, frames.csv. Only with `influence.warm`.
# Makes: warm/percent-*/seed-*.h5, a job per base network, and warm_influence.h5 of them all.


localrules:
    warm_influence,


rule warm_network:
    """Continue the training of one network with each frame outside its subset."""
    input:
        subset=f"{RESULTS}/subsets/{{subset}}.json",
        network=f"{RESULTS}/ensembles/{{subset}}/member-0.pt",
        labels=f"{RESULTS}/labels.h5",
        frames=f"{RESULTS}/frames.csv",
        pilot=pilot_choice(),
    output:
        f"{RESULTS}/warm/{{subset}}.h5",
    log:
        f"{LOGS}/warm/{{subset}}.log",
    conda:
        "../../envs/frameworth.yaml"
    threads: 1
    resources:
        gpu=0 if CONFIG["training"]["device"] == "cpu" else 1,
        mem_mb=training_memory,
        runtime=lambda wildcards, attempt: attempt * warm_minutes(COSTED, SIZE, MEASURED),
    params:
        training=as_json(weight_options(CONFIG["training"])),
        pilot=PILOT_OPTION,
        warm=as_json(CONFIG["influence"].get("warm")),
        study_seed=CONFIG["seed"],
        device=CONFIG["training"]["device"],
    shell:
        "exec python -m frameworth warm-network {input.subset:q} --labels {input.labels:q} --frames {input.frames:q} "
        "--network {input.network:q} --training {params.training:q} {params.pilot} --warm {params.warm:q} "
        "--study-seed {params.study_seed} --device {params.device} --out {output:q} 2> {log:q}"


rule warm_influence:
    """Collect the base networks' warm influences."""
    input:
        warm_files(),
    output:
        f"{RESULTS}/warm_influence.h5",
    log:
        f"{LOGS}/warm_influence.log",
    conda:
        "../../envs/frameworth.yaml"
    shell:
        "python -m frameworth warm-influence {input:q} --out {output:q} 2> {log:q}"
