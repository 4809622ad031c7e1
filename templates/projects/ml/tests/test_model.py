import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.ensemble import RandomForestClassifier

from assets.features import LABEL
from assets.model import Hyperparameters, metrics, split


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame({"size": range(40), LABEL: [size >= 20 for size in range(40)]})


def test_the_split_is_the_same_each_time_and_shares_no_row(rows: pd.DataFrame) -> None:
    training, held_back = split(rows)

    assert (len(training), len(held_back)) == (30, 10)
    assert set(training.index).isdisjoint(held_back.index)
    pd.testing.assert_frame_equal(split(rows)[1], held_back)


def test_metrics_of_a_model_that_is_always_right_are_one(rows: pd.DataFrame) -> None:
    model = RandomForestClassifier(n_estimators=5, bootstrap=False, random_state=0)
    model.fit(rows.drop(columns=LABEL), rows[LABEL])

    assert metrics(model, rows) == {"accuracy": 1.0, "f1": 1.0, "roc_auc": 1.0}


def test_hyperparameters_have_bounds() -> None:
    with pytest.raises(ValidationError):
        Hyperparameters(trees=0)
