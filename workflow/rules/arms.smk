# Arms: variants of training on the study's subsets, and their paired comparison. Only with `arms` in the config.
# Needs: labels.h5, frames.csv, the arms' predictions (ensembles.smk) and the baseline's; by kind of arm its scores too.
# Makes: out_of_bag.h5, arms/{arm}/subsets/ where an arm adds frames, arm_scores.csv, arms.csv.


localrules:
    arm_subset,
    out_of_bag,
    arms,


rule out_of_bag:
    """Collect what the baseline's networks say of frames that they had not seen."""
    input:
        FILES.ensembles(GRID, "predictions.h5"),
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
        pseudo=lambda wildcards: as_json(CONFIG.arms[wildcards.arm].pseudo),
        form=CONFIG.prediction.consensus,
    shell:
        "python -m frameworth arm-subset {output:q} --subset {input.subset:q} --frames {input.frames:q} "
        "--labels {input.labels:q} --consensus {input.consensus:q} --pseudo {params.pseudo:q} "
        "--form {params.form} 2> {log:q}"


rule arms:
    """Compare the arms with the baseline."""
    input:
        FILES.arm_predictions(),
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
        asked=as_json({"arms": CONFIG.arms or {}, "subsets": CONFIG.subsets}),
        level=CONFIG.influence.level,
    shell:
        "python -m frameworth arms {params.study:q} --frames {input.frames:q} --labels {input.labels:q} "
        "--asked {params.asked:q} --level {params.level} 2> {log:q}"
