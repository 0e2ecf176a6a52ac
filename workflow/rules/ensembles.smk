# Ensembles: the networks of one subset, their predictions of all frames, and their consensus; the GPU jobs, of the grid
# and of all experiments.
# Needs: the subset's file, labels.h5, and the images that it names; imagenet.pt if training starts from it, pilot.json
# where the study has a pilot; of some arms the out-of-bag answers of the baseline's networks.
# Makes: {ensembles, arms/{arm}, toggle/{side}, prune/{removed}}/percent-*/seed-*/ {member-*.pt, training.json,
# predictions.h5, consensus.h5, consensus_dlc.*}; no member-*.pt with `keep_snapshots: false`, and none of arms, whose
# networks stay in the store.
# `exec` hands the shell's place to the command, so that SIGTERM, which says that time is up, comes to it.

for JOB in training_jobs(requests(CONFIG), CONFIG.training.subsets_per_job):

    rule:
        name:
            JOB.name
        input:
            lambda wildcards, job=JOB: FILES.arm_inputs(job, wildcards.get("subset")),
            subsets=[f"{RESULTS}/{JOB.subsets}/{path}.json" for path in JOB.paths],
            labels=f"{RESULTS}/labels.h5",
            weights=imagenet_weights(),
            pilot=FILES.pilot(),
        output:
            networks=[
                f"{RESULTS}/{JOB.folder}/{path}/member-{member}.pt"
                for path in JOB.paths
                for member in range(JOB.members if CONFIG.keep_snapshots and JOB.keeps_networks else 0)
            ],
            training=[f"{RESULTS}/{JOB.folder}/{path}/training.json" for path in JOB.paths],
            predictions=[f"{RESULTS}/{JOB.folder}/{path}/predictions.h5" for path in JOB.paths],
            consensus=[f"{RESULTS}/{JOB.folder}/{path}/consensus.h5" for path in JOB.paths],
            dlc=[f"{RESULTS}/{JOB.folder}/{path}/consensus_dlc.{kind}" for path in JOB.paths for kind in ("h5", "csv")],
        log:
            f"{LOGS}/{JOB.folder}/{JOB.paths[0] if len(JOB.paths) == 1 else JOB.name}.log",
        wildcard_constraints:
            subset=JOB.constraint,
        conda:
            "../../envs/frameworth.yaml"
        threads: 1
        resources:
            gpu=GPUS,
            mem_mb=training_memory,
            runtime=lambda wildcards, attempt, job=JOB: training_minutes(job, wildcards, attempt),
        params:
            folder=lambda wildcards, output: Path(output.training[0]).parents[2],
            store=f"{RESULTS}/.store",
            training=TRAINING,
            pilot=PILOT_OPTION,
            study_seed=CONFIG.seed,
            members=JOB.members,
            consensus=CONFIG.prediction.consensus,
            distractor_radius=CONFIG.distractor_radius,
            device=CONFIG.training.device,
            imagenet=IMAGENET_OPTION,
            keep_snapshots=CONFIG.keep_snapshots,
            arm=FILES.arm_options(JOB),
        shell:
            "exec python -m frameworth ensemble {input.subsets:q} --labels {input.labels:q} "
            "--folder {params.folder:q} --store {params.store:q} --training {params.training:q} {params.pilot} "
            "--study-seed {params.study_seed} --members {params.members} --device {params.device} "
            "--consensus {params.consensus} --distractor-radius {params.distractor_radius} "
            "{params.imagenet} --keep-snapshots {params.keep_snapshots} {params.arm} 2> {log:q}"
