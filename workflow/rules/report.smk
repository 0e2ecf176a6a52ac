# Report: one page that opens offline.
# Needs: all figures and collected artefacts, the networks' predictions. Makes: report.html.


localrules:
    report_page,


rule report_page:
    """Write the report."""
    input:
        FILES.figures(),
        FILES.ensembles(GRID, "predictions.h5", "training.json"),
        FILES("frames.csv", "labels.h5", "subsets.csv", "subsets.h5", "scores.h5", "rmse.csv", "influence.h5"),
        FILES("frame_values.csv", "labels_to_check.csv", "errors_over_frames.csv", "validation.csv"),
        FILES("summary.json", "add_curve.csv", "figures/settling.csv"),
        of_labels=FILES.label_tables(),
        experiments=FILES.experiments(),
        pilot=FILES.pilot(),
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../report/tables/report.rst",
            category="Answer",
            labels={"figure": "report"},
        ),
    log:
        f"{LOGS}/report.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        options=as_json(options_for_report("influence", "figures")),
        config=as_json(CONFIG),
    shell:
        "python -m frameworth report-page {params.study:q} --options {params.options:q} "
        "--config {params.config:q} 2> {log:q}"
