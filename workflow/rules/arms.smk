# Arms: variants of training on the study's subsets, and their paired comparison. Only with `arms` in the config.
# Needs: the subsets' files, labels.h5, frames.csv; by kind of arm the baseline's scores, predictions or networks.
# Makes: out_of_bag.h5, arms/{arm}/percent-*/seed-*/ {training.json, predictions.h5, consensus.h5, consensus_dlc.*} (its
# networks stay in the store), arms/{arm}/subsets/ where an arm adds frames, arm_scores.csv, arms.csv.


localrules:
    arm_subset,
    out_of_bag,
    arms,


rule out_of_bag:
    """Collect what the baseline's networks say of frames that they had not seen."""
    input:
        ensemble_files("predictions.h5"),
        f"{RESULTS}/scores.h5",
        multiext(f"{RESULTS}/subsets", ".csv", ".h5"),
        labels=f"{RESULTS}/labels.h5",
    output:
        f"{RESULTS}/out_of_bag.h5",
    log:
        f"{LOGS}/out_of_bag.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
    shell:
        "python -m frameworth out-of-bag {params.study:q} --labels {input.labels:q} --out {output:q} 2> {log:q}"


rule arm_subset:
    """Add pseudo-labelled frames to one subset."""
    input:
        subset=f"{RESULTS}/subsets/{{subset}}.json",
        consensus=f"{RESULTS}/ensembles/{{subset}}/consensus.h5",
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
    output:
        f"{RESULTS}/arms/{{arm}}/subsets/{{subset}}.json",
    log:
        f"{LOGS}/arms/{{arm}}/subsets/{{subset}}.log",
    wildcard_constraints:
        arm=ARM_PATTERN,
    conda:
        "../../envs/frameworth.yaml"
    params:
        pseudo=lambda wildcards: as_json(CONFIG["arms"][wildcards.arm]["pseudo"]),
        form=CONFIG["prediction"]["consensus"],
    shell:
        "python -m frameworth arm-subset {output:q} --subset {input.subset:q} --frames {input.frames:q} "
        "--labels {input.labels:q} --consensus {input.consensus:q} --pseudo {params.pseudo:q} "
        "--form {params.form} 2> {log:q}"


for JOB, ARM, MEMBERS, PATHS, SUBSETS_OF_JOB in arm_jobs():

    rule:
        name:
            JOB
        input:
            lambda wildcards, arm=ARM, paths=PATHS: arm_inputs(arm, paths, wildcards),
            subsets=[f"{arm_subset_folder(ARM)}/{path}.json" for path in PATHS],
            labels=f"{RESULTS}/labels.h5",
            weights=imagenet_weights(),
            pilot=pilot_choice(),
        output:
            training=[f"{RESULTS}/arms/{{arm}}/{path}/training.json" for path in PATHS],
            predictions=[f"{RESULTS}/arms/{{arm}}/{path}/predictions.h5" for path in PATHS],
            consensus=[f"{RESULTS}/arms/{{arm}}/{path}/consensus.h5" for path in PATHS],
            dlc=[f"{RESULTS}/arms/{{arm}}/{path}/consensus_dlc.{kind}" for path in PATHS for kind in ("h5", "csv")],
        log:
            f"{LOGS}/arms/{{arm}}/{PATHS[0] if len(PATHS) == 1 else JOB}.log",
        wildcard_constraints:
            arm=re.escape(ARM),
            subset=SUBSETS_OF_JOB,
        conda:
            "../../envs/frameworth.yaml"
        threads: 1
        resources:
            gpu=0 if CONFIG["training"]["device"] == "cpu" else 1,
            mem_mb=training_memory,
            runtime=lambda wildcards, attempt, arm=ARM, paths=PATHS: training_minutes(
                arm_subsets_of_job(arm, paths, wildcards), attempt
            ),
        params:
            folder=lambda wildcards, output: Path(output.training[0]).parents[2],
            store=f"{RESULTS}/.store",
            arm=as_json(CONFIG["arms"][ARM]),
            baseline=f"{RESULTS}/ensembles",
            out_of_bag=f"{RESULTS}/out_of_bag.h5",
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
            "exec python -m frameworth arm-ensemble {input.subsets:q} --labels {input.labels:q} "
            "--folder {params.folder:q} --store {params.store:q} --arm {params.arm:q} --baseline {params.baseline:q} "
            "--out-of-bag {params.out_of_bag:q} --training {params.training:q} {params.pilot} "
            "--study-seed {params.study_seed} --members {params.members} --device {params.device} "
            "--consensus {params.consensus} --distractor-radius {params.distractor_radius} "
            "{params.imagenet} --keep-snapshots {params.keep_snapshots} 2> {log:q}"


rule arms:
    """Compare the arms with the baseline."""
    input:
        arm_predictions(),
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
    output:
        scores=f"{RESULTS}/arm_scores.csv",
        arms=f"{RESULTS}/arms.csv",
        components=f"{RESULTS}/variance_components.csv",
    log:
        f"{LOGS}/arms.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output.arms, parent=True),
        plan=as_json({"arms": CONFIG.get("arms", {}), "subsets": CONFIG["subsets"]}),
        level=CONFIG["influence"]["level"],
    shell:
        "python -m frameworth arms {params.study:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--plan {params.plan:q} --level {params.level} 2> {log:q}"
