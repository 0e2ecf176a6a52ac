# Subsets: which frames each network sees.
# Needs: frames.csv, labels.h5. Makes: subsets/percent-*/seed-*.json, and subsets.csv and subsets.h5 from these.

for JOB in subset_jobs(requests(CONFIG), lambda file: Path(RESULTS, file).exists()):

    rule:
        name:
            JOB.name
        input:
            frames=f"{RESULTS}/frames.csv",
            labels=f"{RESULTS}/labels.h5",
        output:
            FILES(*JOB.files),
        log:
            f"{LOGS}/subsets/{JOB.design}_{JOB.percent:03d}.log",
        localrule: True
        conda:
            "../../envs/frameworth.yaml"
        params:
            folder=lambda wildcards, output: Path(output[0]).parents[1],
            design=JOB.design,
            percent=JOB.percent,
            # Of the output, so that more of them outdate nothing.
            seeds=lambda wildcards, output: runs_of(int(Path(file).stem.removeprefix("seed-")) for file in output),
            study_seed=CONFIG.seed,
        shell:
            "python -m frameworth draw-subsets {params.folder:q} --frames {input.frames:q} --labels {input.labels:q} "
            "--design {params.design} --percent {params.percent} --seeds {params.seeds:q} "
            "--study-seed {params.study_seed} 2> {log:q}"


localrules:
    subsets,


rule subsets:
    """Collect all subsets into one table and one matrix."""
    input:
        FILES.subsets(),
        frames=f"{RESULTS}/frames.csv",
    output:
        csv=f"{RESULTS}/subsets.csv",
        h5=f"{RESULTS}/subsets.h5",
    log:
        f"{LOGS}/subsets.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output.csv, parent=True),
        grid=as_json(CONFIG.subsets),
    shell:
        "python -m frameworth subsets {params.study:q} --frames {input.frames:q} --grid {params.grid:q} 2> {log:q}"
