"""Networks: training, predicting and scoring them, and keeping what is finished."""
