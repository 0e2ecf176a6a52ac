# Ensembles: the networks of one subset, their predictions of all frames, and their consensus; the GPU jobs.
# Needs: one subset's file, labels.h5, and the images that it names; imagenet.pt if training starts from it.
# Makes: ensembles/percent-*/seed-*/ {member-*.pt, training.json, predictions.h5, consensus.h5, consensus_dlc.*}; with
# `keep_snapshots: false` no member-*.pt.
# No benchmark: what it polls holds up short trainings, and training.json has their seconds and memory.
# `exec` hands the shell's place to the command, so that SIGTERM, which says that time is up, comes to it.
# One rule per number of members, because a rule's outputs cannot depend on its wildcards; with several subsets per
# job one rule per job.

for JOB, MEMBERS, PATHS, SUBSETS_OF_JOB in ensemble_jobs():

    rule:
        name:
            JOB
        input:
            subsets=[f"{RESULTS}/subsets/{path}.json" for path in PATHS],
            labels=f"{RESULTS}/labels.h5",
            weights=imagenet_weights(),
            pilot=pilot_choice(),
        output:
            networks=[
                f"{RESULTS}/ensembles/{path}/member-{member}.pt"
                for path in PATHS
                for member in range(MEMBERS)
                if CONFIG["keep_snapshots"]
            ],
            training=[f"{RESULTS}/ensembles/{path}/training.json" for path in PATHS],
            predictions=[f"{RESULTS}/ensembles/{path}/predictions.h5" for path in PATHS],
            consensus=[f"{RESULTS}/ensembles/{path}/consensus.h5" for path in PATHS],
            dlc=[f"{RESULTS}/ensembles/{path}/consensus_dlc.{kind}" for path in PATHS for kind in ("h5", "csv")],
        log:
            f"{LOGS}/ensembles/{PATHS[0] if len(PATHS) == 1 else JOB}.log",
        wildcard_constraints:
            subset=SUBSETS_OF_JOB,
        conda:
            "../../envs/frameworth.yaml"
        threads: 1
        resources:
            gpu=0 if CONFIG["training"]["device"] == "cpu" else 1,
            mem_mb=training_memory,
            runtime=lambda wildcards, attempt, paths=PATHS: training_minutes(subsets_of_job(paths, wildcards), attempt),
        params:
            folder=lambda wildcards, output: Path(output.training[0]).parents[2],
            store=f"{RESULTS}/.store",
            training=as_json(weight_options(CONFIG["training"])),
            pilot=PILOT_OPTION,
            study_seed=CONFIG["seed"],
            members=MEMBERS,
            consensus=CONFIG["prediction"]["consensus"],
            distractor_radius=CONFIG["prediction"]["distractor_radius"],
            device=CONFIG["training"]["device"],
            imagenet=IMAGENET_OPTION,
            keep_snapshots=CONFIG["keep_snapshots"],
        shell:
            "exec python -m frameworth ensemble {input.subsets:q} --labels {input.labels:q} "
            "--folder {params.folder:q} --store {params.store:q} --training {params.training:q} {params.pilot} "
            "--study-seed {params.study_seed} --members {params.members} --device {params.device} "
            "--consensus {params.consensus} --distractor-radius {params.distractor_radius} "
            "{params.imagenet} --keep-snapshots {params.keep_snapshots} 2> {log:q}"
