"""The model, and how well it does."""

import dagster as dg
import pandas as pd
from pydantic import Field
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split

from .features import LABEL

# The same rows are held back from training and used for the evaluation.
SPLIT_SEED = 17
HELD_BACK = 0.25


class Hyperparameters(dg.Config):
    """How the model is trained."""

    trees: int = Field(default=100, ge=1, le=2000, description="How many trees vote")
    max_depth: int = Field(default=6, ge=1, le=64, description="The most levels of a tree")
    seed: int = Field(default=0, description="Where chance begins")


def split(features: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train with, and rows to evaluate with."""
    training, held_back = train_test_split(
        features, test_size=HELD_BACK, random_state=SPLIT_SEED, stratify=features[LABEL]
    )
    return training, held_back


def metrics(model: RandomForestClassifier, rows: pd.DataFrame) -> dict[str, float]:
    """How well a model tells the labels of rows."""
    inputs, labels = rows.drop(columns=LABEL), rows[LABEL]
    predicted = model.predict(inputs)
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1": float(f1_score(labels, predicted)),
        "roc_auc": float(roc_auc_score(labels, model.predict_proba(inputs)[:, 1])),
    }


@dg.asset(group_name="training", kinds={"scikitlearn"})
def model(
    config: Hyperparameters, features: pd.DataFrame
) -> dg.MaterializeResult[RandomForestClassifier]:
    """A random forest, trained with three quarters of the rows."""
    training, _ = split(features)
    forest = RandomForestClassifier(
        n_estimators=config.trees, max_depth=config.max_depth, random_state=config.seed
    )
    forest.fit(training.drop(columns=LABEL), training[LABEL])
    return dg.MaterializeResult(
        value=forest,
        metadata={
            "hyperparameters": config.model_dump(),
            "rows": len(training),
            **{f"training_{name}": value for name, value in metrics(forest, training).items()},
        },
    )


@dg.asset(group_name="training", kinds={"scikitlearn"})
def evaluation(
    features: pd.DataFrame, model: RandomForestClassifier
) -> dg.MaterializeResult[dict[str, float]]:
    """How well the model does on rows that it has not seen."""
    _, held_back = split(features)
    found = metrics(model, held_back)
    return dg.MaterializeResult(value=found, metadata={"rows": len(held_back), **found})


@dg.asset_check(asset=evaluation)
def model_is_good_enough(evaluation: dict[str, float]) -> dg.AssetCheckResult:
    """What is worse than this is not to be used."""
    return dg.AssetCheckResult(passed=evaluation["roc_auc"] >= 0.95, metadata={**evaluation})
