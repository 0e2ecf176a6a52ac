# Methods that ask a few finished networks what each frame does, such as warm influence; those that the config asks for.
# Needs: the networks of some ensembles, their subsets' files, labels.h5, frames.csv; imagenet.pt and pilot.json as
# training does.
# Makes: {method}/percent-*/seed-*.h5, a job per base network, and a file of them all, such as warm_influence.h5; of a
# method that values single labels, their table, such as metagradient_labels.csv.


for METHOD in FILES.methods:

    rule:
        name:
            f"{METHOD}_network"
        input:
            subset=f"{RESULTS}/subsets/{{subset}}.json",
            network=f"{RESULTS}/ensembles/{{subset}}/member-0.pt",
            labels=f"{RESULTS}/labels.h5",
            frames=f"{RESULTS}/frames.csv",
            weights=imagenet_weights(),
            pilot=FILES.pilot(),
        output:
            f"{RESULTS}/{METHOD}/{{subset}}.h5",
        log:
            f"{LOGS}/{METHOD}/{{subset}}.log",
        conda:
            "../../envs/frameworth.yaml"
        threads: 1
        resources:
            gpu=GPUS,
            mem_mb=lambda wildcards, attempt, name=METHOD: attempt * COSTS.method_memory(name),
            runtime=lambda wildcards, attempt, name=METHOD: attempt * COSTS.minutes(COSTS.method_seconds(name)),
        params:
            method=METHOD,
            store=f"{RESULTS}/.store",
            training=TRAINING,
            pilot=PILOT_OPTION,
            options=as_json(method_options(CONFIG, METHOD)),
            study_seed=CONFIG.seed,
            device=CONFIG.training.device,
            imagenet=IMAGENET_OPTION,
        shell:
            "exec python -m frameworth method-network {params.method:q} {input.subset:q} --labels {input.labels:q} "
            "--frames {input.frames:q} --network {input.network:q} --store {params.store:q} "
            "--training {params.training:q} {params.pilot} "
            "--options {params.options:q} --study-seed {params.study_seed} --device {params.device} "
            "{params.imagenet} --out {output:q} 2> {log:q}"

    rule:
        name:
            f"{METHOD}_influence"
        input:
            FILES.method_files(METHOD),
        output:
            f"{RESULTS}/{method(METHOD).artefact}",
        log:
            f"{LOGS}/{METHOD}_influence.log",
        localrule: True
        conda:
            "../../envs/frameworth.yaml"
        params:
            method=METHOD,
        shell:
            "python -m frameworth method-influence {params.method:q} {input:q} --out {output:q} 2> {log:q}"

    if method(METHOD).label_table:

        rule:
            name:
                f"{METHOD}_labels"
            input:
                f"{RESULTS}/{method(METHOD).artefact}",
                FILES("frames.csv", "labels.h5", "scores.h5", "subsets.csv", "subsets.h5"),
            output:
                f"{RESULTS}/{method(METHOD).label_table}",
            log:
                f"{LOGS}/{METHOD}_labels.log",
            localrule: True
            conda:
                "../../envs/frameworth.yaml"
            params:
                method=METHOD,
                study=subpath(output[0], parent=True),
                options=as_json(options("influence")),
            shell:
                "python -m frameworth method-labels {params.study:q} {params.method:q} --options {params.options:q} "
                "2> {log:q}"
