# Figures: one module of frameworth.figures and one rule each.
# Needs: the collected artefacts. Makes: figures/*.png, .svg, and the .csv each is drawn from.

for MODULE, NAMES in figures_by_module().items():

    rule:
        name:
            f"draw_{MODULE}"
        input:
            frames=f"{RESULTS}/frames.csv",
            labels=f"{RESULTS}/labels.h5",
            subsets=multiext(f"{RESULTS}/subsets", ".csv", ".h5"),
            scores=f"{RESULTS}/scores.h5",
            rmse=f"{RESULTS}/rmse.csv",
            influence=f"{RESULTS}/influence.h5",
            values=f"{RESULTS}/frame_values.csv",
            checks=f"{RESULTS}/labels_to_check.csv",
            summary=f"{RESULTS}/summary.json",
            validation=f"{RESULTS}/validation.csv",
            further=figure_inputs(MODULE),
        output:
            report(
                f"{RESULTS}/figures/{{figure}}.png",
                caption=f"../report/{MODULE}.rst",
                category=figure_category(MODULE),
                labels={"figure": "{figure}"},
            ),
            multiext(f"{RESULTS}/figures/{{figure}}", ".svg", ".csv"),
        log:
            f"{LOGS}/figures/{{figure}}.log",
        wildcard_constraints:
            figure="|".join(NAMES),
        localrule: True
        conda:
            "../../envs/frameworth.yaml"
        params:
            study=subpath(output[0], ancestor=2),
            options=as_json(options("influence", "figures")),
        shell:
            "python -m frameworth figure {wildcards.figure} --study {params.study:q} "
            "--options {params.options:q} 2> {log:q}"
