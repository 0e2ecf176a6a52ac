# Influence: what each training frame does to every frame, and what it is worth.
# Needs: scores.h5, rmse.csv, subsets.csv, subsets.h5, frames.csv, labels.h5.
# Makes: influence.h5, frame_values.csv, labels_to_check.csv, errors_over_frames.csv, summary.json, validation.csv.


localrules:
    influence,
    frame_values,
    labels_to_check,
    summary,
    validation,


rule influence:
    """Estimate the influence of every training frame on every frame and keypoint."""
    input:
        FILES("scores.h5", "frames.csv", "subsets.csv", "subsets.h5"),
    output:
        f"{RESULTS}/influence.h5",
    log:
        f"{LOGS}/influence.log",
    conda:
        "../../envs/frameworth.yaml"
    resources:
        mem_mb=collecting_memory,
    params:
        study=subpath(output[0], parent=True),
        groups=as_json(CONFIG.influence.groups),
        estimator=CONFIG.influence.estimator,
    shell:
        "python -m frameworth influence {params.study:q} --groups {params.groups:q} "
        "--estimator {params.estimator} 2> {log:q}"


rule frame_values:
    """Rank the frames of the pool."""
    input:
        FILES("frames.csv", "labels.h5", "subsets.csv", "subsets.h5"),
        FILES("scores.h5", "influence.h5", "labels_to_check.csv"),
        methods=FILES.method_influences(),
    output:
        report(
            f"{RESULTS}/frame_values.csv",
            caption="../report/tables/frame_values.rst",
            category="Worth of frames",
            labels={"figure": "table of all frames"},
        ),
    log:
        f"{LOGS}/frame_values.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence")),
    shell:
        "python -m frameworth frame-values {params.study:q} --options {params.options:q} 2> {log:q}"


rule labels_to_check:
    """Rank the labels of all frames, of the pool and held out, by how far they stand out."""
    input:
        [marked] if Path(marked := f"{RESULTS}/marked_right.csv").exists() else [],
        FILES("frames.csv", "labels.h5", "scores.h5", "subsets.csv", "subsets.h5"),
    output:
        report(
            f"{RESULTS}/labels_to_check.csv",
            caption="../report/tables/labels_to_check.rst",
            category="Labels to check",
            labels={"figure": "table of all labels"},
        ),
        f"{RESULTS}/errors_over_frames.csv",
    log:
        f"{LOGS}/labels_to_check.log",
    priority: 1
    conda:
        "../../envs/frameworth.yaml"
    resources:
        mem_mb=collecting_memory,
    params:
        study=subpath(output[0], parent=True),
        expected_false=CONFIG.flags.expected_false,
    shell:
        "python -m frameworth labels-to-check {params.study:q} --expected-false {params.expected_false} 2> {log:q}"


rule summary:
    """Say in numbers and sentences what the study came to."""
    input:
        FILES("frames.csv", "labels.h5", "subsets.csv", "subsets.h5", "scores.h5", "rmse.csv"),
        FILES("frame_values.csv", "labels_to_check.csv", "add.csv", "add_curve.csv", "add_poses.csv"),
        pilot=FILES.pilot(),
    output:
        f"{RESULTS}/summary.json",
    log:
        f"{LOGS}/summary.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence")),
        training=TRAINING,
        pilot=PILOT_OPTION,
    shell:
        "python -m frameworth summary {params.study:q} --options {params.options:q} "
        "--training {params.training:q} {params.pilot} 2> {log:q}"


rule validation:
    """Test the values: on held-out subsets, and by planted errors."""
    input:
        FILES("frames.csv", "scores.h5", "rmse.csv", "influence.h5", "labels_to_check.csv", "subsets.csv", "subsets.h5"),
        methods=FILES.method_influences(),
    output:
        f"{RESULTS}/validation.csv",
    log:
        f"{LOGS}/validation.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options("influence", "validation")),
    shell:
        "python -m frameworth validation {params.study:q} --options {params.options:q} 2> {log:q}"
