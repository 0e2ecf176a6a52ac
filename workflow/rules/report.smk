# Report: one page that opens offline.
# Needs: all figures and collected artefacts, the networks' predictions. Makes: report.html.


localrules:
    report_page,


rule report_page:
    """Write the report."""
    input:
        FILES.figures(),
        FILES.ensembles(GRID, "predictions.h5", "training.json"),
        multiext(f"{RESULTS}/subsets", ".csv", ".h5"),
        frames=f"{RESULTS}/frames.csv",
        labels=f"{RESULTS}/labels.h5",
        scores=f"{RESULTS}/scores.h5",
        rmse=f"{RESULTS}/rmse.csv",
        influence=f"{RESULTS}/influence.h5",
        values=f"{RESULTS}/frame_values.csv",
        checks=f"{RESULTS}/labels_to_check.csv",
        over_frames=f"{RESULTS}/errors_over_frames.csv",
        validation=f"{RESULTS}/validation.csv",
        summary=f"{RESULTS}/summary.json",
        curve=f"{RESULTS}/add_curve.csv",
        of_labels=FILES.label_tables(),
        experiments=FILES.experiments(),
        pilot=FILES.pilot(),
        settling=f"{RESULTS}/figures/settling.csv",
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
