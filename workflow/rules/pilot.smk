# Pilot: image size and steps found by measuring, before the grid trains. Only with `pilot` in the config.
# Needs: the file of the subset nearest to half of the pool, labels.h5, frames.csv; imagenet.pt if training starts from it.
# All `ancient`: a corrected label must not choose anew and so outdate every network.
# Makes: pilot.json, which all jobs that train or load networks read; figures/pilot.*. Its networks stay in the store.


localrules:
    draw_pilot,


rule pilot:
    """Try image sizes and numbers of steps on half of the pool, judged by the other half."""
    input:
        subset=ancient(FILES.pilot_subset()),
        labels=ancient(f"{RESULTS}/labels.h5"),
        frames=ancient(f"{RESULTS}/frames.csv"),
        weights=imagenet_weights(),
    output:
        f"{RESULTS}/pilot.json",
    log:
        f"{LOGS}/pilot.log",
    conda:
        "../../envs/frameworth.yaml"
    threads: 1
    resources:
        gpu=GPUS,
        mem_mb=training_memory,
        runtime=lambda wildcards, attempt: attempt * COSTS.minutes(COSTS.pilot_seconds()),
    params:
        store=f"{RESULTS}/.store",
        pilot=as_json(CONFIG.pilot),
        training=TRAINING,
        study_seed=CONFIG.seed,
        device=CONFIG.training.device,
        imagenet=IMAGENET_OPTION,
        keep_snapshots=CONFIG.keep_snapshots,
    shell:
        "exec python -m frameworth pilot {input.subset:q} {output:q} --labels {input.labels:q} --frames {input.frames:q} "
        "--store {params.store:q} --pilot {params.pilot:q} --training {params.training:q} "
        "--study-seed {params.study_seed} --device {params.device} {params.imagenet} "
        "--keep-snapshots {params.keep_snapshots} 2> {log:q}"


rule draw_pilot:
    """Draw what the pilot measured."""
    input:
        FILES.figure_inputs("pilot"),
    output:
        figure_of_report("pilot"),
        multiext(f"{RESULTS}/figures/pilot", ".svg", ".csv"),
    log:
        f"{LOGS}/figures/pilot.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], ancestor=2),
        options=as_json({}),
    shell:
        "python -m frameworth figure pilot --study {params.study:q} --options {params.options:q} 2> {log:q}"
