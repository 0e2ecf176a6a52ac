# Report: one page that opens offline.
# Needs: all figures, frame_values.csv, summary.json. Makes: report.html.


localrules:
    report_page,


rule report_page:
    """Write the report."""
    input:
        figures(),
        values=f"{RESULTS}/frame_values.csv",
        summary=f"{RESULTS}/summary.json",
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
        options=as_json(options_with_videos("influence", "figures")),
    shell:
        "python -m frameworth report-page {params.study:q} --options {params.options:q} 2> {log:q}"
