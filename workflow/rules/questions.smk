# Questions: what the baseline's networks say of distractors, outliers, further labels, and of a larger study.
# Needs: predictions and training records of all ensembles, the collected artefacts, frame_values.csv.
# Makes: members.h5, distractors*.csv, outliers*.csv, plan*.csv, plan.json, add*.csv.


localrules:
    members,
    distractors,
    outliers,
    plan,
    add,


rule members:
    """Collect what all networks say of labels and of other places."""
    input:
        FILES.ensembles(GRID, "predictions.h5"),
        FILES("labels.h5", "subsets.csv", "subsets.h5"),
    output:
        f"{RESULTS}/members.h5",
    log:
        f"{LOGS}/members.log",
    conda:
        "../../envs/frameworth.yaml"
    resources:
        mem_mb=collecting_memory,
    params:
        study=subpath(output[0], parent=True),
        radius=CONFIG.distractor_radius,
    shell:
        "python -m frameworth members {params.study:q} --distractor-radius {params.radius} 2> {log:q}"


rule distractors:
    """Say whether training frames lower labels or raise other places."""
    input:
        FILES("members.h5", "frames.csv", "labels.h5", "frame_values.csv", "subsets.csv", "subsets.h5"),
    output:
        multiext(f"{RESULTS}/distractors", ".csv", "_groups.csv", "_places.csv"),
    log:
        f"{LOGS}/distractors.log",
    conda:
        "../../envs/frameworth.yaml"
    resources:
        mem_mb=collecting_memory,
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence")),
    shell:
        "python -m frameworth distractors {params.study:q} --options {params.options:q} 2> {log:q}"


rule outliers:
    """Rank outliers by one score, and say what it and its parts find."""
    input:
        FILES("frames.csv", "frame_values.csv", "distractors.csv"),
    output:
        multiext(f"{RESULTS}/outliers", ".csv", "_methods.csv"),
    log:
        f"{LOGS}/outliers.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence")),
    shell:
        "python -m frameworth outliers {params.study:q} --options {params.options:q} 2> {log:q}"


rule plan:
    """Work out what a larger study would take."""
    input:
        FILES.ensembles(GRID, "training.json"),
        FILES("frames.csv", "rmse.csv", "frame_values.csv", "summary.json", "subsets.csv", "subsets.h5"),
        pilot=FILES.pilot(),
    output:
        multiext(f"{RESULTS}/plan", ".csv", "_power.csv", ".json"),
    log:
        f"{LOGS}/plan.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence")),
        training=TRAINING,
        pilot=PILOT_OPTION,
    shell:
        "python -m frameworth plan-table {params.study:q} --options {params.options:q} "
        "--training {params.training:q} {params.pilot} 2> {log:q}"


rule add:
    """Extrapolate the learning curve, and find poses that the pool hardly holds."""
    input:
        FILES("frames.csv", "labels.h5", "rmse.csv", "scores.h5", "subsets.csv", "subsets.h5"),
    output:
        multiext(f"{RESULTS}/add", ".csv", "_curve.csv", "_poses.csv"),
    log:
        f"{LOGS}/add.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence")),
    shell:
        "python -m frameworth add {params.study:q} --options {params.options:q} 2> {log:q}"
