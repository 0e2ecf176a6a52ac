# Arms: variants of training on the study's subsets, and their paired comparison. Only with `arms` in the config.
# Needs: labels.h5, frames.csv, the arms' predictions (ensembles.smk) and the baseline's; by kind of arm its scores too.
# Makes: out_of_bag.h5, arms/{arm}/subsets/ where an arm adds frames, arm_scores.csv, arms.csv,
# variance_components.csv.


localrules:
    arm_subset,
    out_of_bag,
    arms,


rule out_of_bag:
    """Collect what the baseline's networks say of frames that they had not seen."""
    input:
        FILES.ensembles(GRID, "predictions.h5"),
        FILES("scores.h5", "subsets.csv", "subsets.h5", "labels.h5"),
    output:
        f"{RESULTS}/out_of_bag.h5",
    log:
        f"{LOGS}/out_of_bag.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
    shell:
        "python -m frameworth out-of-bag {params.study:q} 2> {log:q}"


rule arm_subset:
    """Add pseudo-labelled frames to one subset."""
    input:
        FILES("frames.csv", "labels.h5"),
        f"{RESULTS}/subsets/{{subset}}.json",
        f"{RESULTS}/ensembles/{{subset}}/consensus.h5",
    output:
        f"{RESULTS}/arms/{{arm}}/subsets/{{subset}}.json",
    log:
        f"{LOGS}/arms/{{arm}}/subsets/{{subset}}.log",
    wildcard_constraints:
        arm=ARM_PATTERN,
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(input[0], parent=True),
        pseudo=lambda wildcards: as_json(CONFIG.arms[wildcards.arm].pseudo),
        form=CONFIG.prediction.consensus,
    shell:
        "python -m frameworth arm-subset {params.study:q} {wildcards.arm} {wildcards.subset:q} "
        "--pseudo {params.pseudo:q} --form {params.form} 2> {log:q}"


rule arms:
    """Compare the arms with the baseline."""
    input:
        FILES.arm_predictions(),
        FILES("frames.csv", "labels.h5"),
    output:
        f"{RESULTS}/arm_scores.csv",
        f"{RESULTS}/arms.csv",
        f"{RESULTS}/variance_components.csv",
    log:
        f"{LOGS}/arms.log",
    conda:
        "../../envs/frameworth.yaml"
    params:
        study=subpath(output[0], parent=True),
        asked=as_json({"arms": CONFIG.arms or {}, "subsets": CONFIG.subsets}),
        level=CONFIG.influence.level,
    shell:
        "python -m frameworth arms {params.study:q} --asked {params.asked:q} --level {params.level} 2> {log:q}"
