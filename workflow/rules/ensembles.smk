# Ensembles: the networks of one subset, their predictions of all frames, and their consensus; the GPU jobs.
# Needs: one subset's file, labels.h5, and the images that it names.
# Makes: ensembles/percent-*/seed-*/ {member-*.pt, training.json, predictions.h5, consensus.h5, consensus_dlc.*}.
# No benchmark: what it polls holds up short trainings, and training.json has their seconds and memory.
# One rule per number of members, because a rule's outputs cannot depend on its wildcards.

for MEMBERS, SUBSETS_OF_SO_MANY in paths_by_members().items():

    rule:
        name:
            f"ensemble_of_{MEMBERS}"
        input:
            subset=f"{RESULTS}/subsets/{{subset}}.json",
            labels=f"{RESULTS}/labels.h5",
        output:
            networks=[f"{RESULTS}/ensembles/{{subset}}/member-{member}.pt" for member in range(MEMBERS)],
            training=f"{RESULTS}/ensembles/{{subset}}/training.json",
            predictions=ensure(f"{RESULTS}/ensembles/{{subset}}/predictions.h5", non_empty=True),
            consensus=ensure(f"{RESULTS}/ensembles/{{subset}}/consensus.h5", non_empty=True),
            dlc=multiext(f"{RESULTS}/ensembles/{{subset}}/consensus_dlc", ".h5", ".csv"),
        log:
            f"{LOGS}/ensembles/{{subset}}.log",
        wildcard_constraints:
            subset=SUBSETS_OF_SO_MANY,
        conda:
            "../../envs/frameworth.yaml"
        threads: 1
        resources:
            gpu=0 if CONFIG["training"]["device"] == "cpu" else 1,
            mem_mb=lambda wildcards, attempt: 4000 * attempt,
            runtime=lambda wildcards, attempt: 240 * attempt,
        params:
            folder=subpath(output.training, parent=True),
            store=f"{RESULTS}/.store",
            training=as_json(training_options()),
            study_seed=CONFIG["seed"],
            members=MEMBERS,
            consensus=CONFIG["prediction"]["consensus"],
            distractor_radius=CONFIG["prediction"]["distractor_radius"],
            device=CONFIG["training"]["device"],
        shell:
            "python -m frameworth ensemble {input.subset:q} --labels {input.labels:q} "
            "--folder {params.folder:q} --store {params.store:q} --training {params.training:q} "
            "--study-seed {params.study_seed} --members {params.members} --device {params.device} "
            "--consensus {params.consensus} --distractor-radius {params.distractor_radius} 2> {log:q}"
