"""Score labels in SLEAP's own environment: it reads labels as JSON from standard input and writes scores as JSON.

It imports nothing of frameworth, because that environment does not have it.
"""

import json
import os
import sys
from importlib import metadata

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # before NumPy; its matrices are tiny
answer, sys.stdout = sys.stdout, sys.stderr  # SLEAP logs to standard output

import numpy as np  # noqa: E402
import sleap_io  # noqa: E402
from sleap.qc import LabelQCDetector  # noqa: E402

given = json.load(sys.stdin)
skeleton = sleap_io.Skeleton(given["keypoints"], edges=[tuple(bone) for bone in given["skeleton"]])
videos = [sleap_io.Video(filename=name, open_backend=False) for name in given["videos"]]
frames = [
    sleap_io.LabeledFrame(
        video=videos[video],
        frame_idx=row,
        instances=[sleap_io.Instance.from_numpy(np.array(xy, dtype=float), skeleton=skeleton)],
    )
    for row, (video, xy) in enumerate(zip(given["video"], given["label"], strict=True))
]
labels = sleap_io.Labels(frames, videos=videos, skeletons=[skeleton])
scores = LabelQCDetector().fit(labels).score(labels).instance_scores
by_row = {key.frame_idx: float(score) for key, score in scores.items()}
versions = {name: metadata.version(name) for name in ("sleap", "sleap-io", "scikit-learn", "numpy")}
json.dump({"suspicion": [by_row[row] for row in range(len(frames))], "versions": versions}, answer)
