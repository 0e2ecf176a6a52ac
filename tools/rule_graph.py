"""Draw the graph of the workflow's rules for a page for developers; `make docs` writes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import networkx as nx

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = REPOSITORY / "docs" / "developing.md"
_BLOCK = re.compile(r"(```mermaid\n).*?(```)", re.S)
_NODE = re.compile(r"\tid(\d+)\[(\w+)\]")
_EDGE = re.compile(r"\tid(\d+) --> id(\d+)")
# Groups of similar rules are shown as one rule.
_ONE_FOR_MANY = (
    (r"draw_demo", "draw_demo"),
    (r"draw_", "figures"),
    (r"arms_\d+_|arm_subset", "arm_ensemble"),
    (r"toggle_", "toggle_ensemble"),
    (r"prune_", "prune_ensemble"),
    (r"ensemble", "ensemble"),
    (r"subset_", "subset"),
)

# A config that uses all rules of the workflow.
EVERYTHING = {
    "study": "everything",
    "labels": "demo",
    "subsets": [{"design": "balanced", "percents": [50], "seeds": 8}],
    "training": {"backbone": "test_resnet"},
    "pilot": {"choices": [{"scale": 0.5}, {"scale": 1}], "steps": 1, "most_steps": 2},
    "influence": {"warm": {"networks": 1}},
    "toggle": {"pairs": 2},
    "prune": {"counts": [1], "networks": 2},
    "arms": {"cutout": {"augment": {"distractor_cutout": {}}}},
}


def rule_graph() -> str:
    """The graph as Mermaid text, without edges that follow from others."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "everything.yaml"
        config.write_text(json.dumps(EVERYTHING))  # JSON is YAML
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
        command += ["--directory", folder, "--configfile", str(config), "--rulegraph", "mermaid-js"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    names = {number: _shown(rule) for number, rule in _NODE.findall(output)}
    graph = nx.DiGraph()
    graph.add_edges_from((names[a], names[b]) for a, b in _EDGE.findall(output) if names[a] != names[b])
    graph.remove_node("all")
    return "flowchart LR\n" + "".join(f"  {line}\n" for line in _lines(nx.transitive_reduction(graph).edges))


def write_rule_graph() -> None:
    """Write the graph into the page."""
    PAGE.write_text(_BLOCK.sub(lambda match: match[1] + rule_graph() + match[2], PAGE.read_text()))


def _shown(rule: str) -> str:
    return next((name for start, name in _ONE_FOR_MANY if re.match(start, rule)), rule)


def _lines(edges: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{first} --> {second}" for first, second in sorted(edges)]


if __name__ == "__main__":
    write_rule_graph()
