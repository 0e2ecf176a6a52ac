# Figures: one module of frameworth.figures each. Those that read the artefacts that all figures read share a process;
# those for which the study makes more have one each, as they may have to wait for it.
# Needs: the collected artefacts. Makes: figures/*.png, .svg, and the .csv each is drawn from.

for JOB in FILES.figure_jobs():

    rule:
        name:
            JOB.rule
        input:
            FILES("frames.csv", "labels.h5", "subsets.csv", "subsets.h5", "scores.h5", "rmse.csv", "influence.h5"),
            FILES("frame_values.csv", "labels_to_check.csv", "summary.json", "validation.csv"),
            further=JOB.further,
        output:
            [figure_of_report(name) for name in JOB.names],
            [f"{RESULTS}/figures/{name}.{kind}" for name in JOB.names for kind in ("svg", "csv")],
        log:
            f"{LOGS}/figures/{JOB.rule}.log",
        localrule: True
        conda:
            "../../envs/frameworth.yaml"
        params:
            study=subpath(output[0], ancestor=2),
            names=JOB.names,
            options=as_json(options("influence")),
        shell:
            "python -m frameworth figure {params.names:q} --study {params.study:q} "
            "--options {params.options:q} 2> {log:q}"
