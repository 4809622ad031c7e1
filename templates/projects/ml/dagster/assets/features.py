"""What the model learns from."""

import dagster as dg
import pandas as pd
from sklearn.datasets import load_breast_cancer

LABEL = "malignant"


def measurements() -> pd.DataFrame:
    """The data as it comes, with names that need no quotes."""
    data = load_breast_cancer(as_frame=True)
    table = data.data.rename(columns=lambda name: name.replace(" ", "_"))
    return table.assign(**{LABEL: data.target == 0})


@dg.asset(group_name="training", kinds={"pandas", "scikitlearn"})
def features() -> dg.MaterializeResult[pd.DataFrame]:
    """Measurements of cell nuclei, and whether they were malignant."""
    table = measurements()
    return dg.MaterializeResult(
        value=table,
        metadata={
            "dagster/row_count": len(table),
            "columns": len(table.columns) - 1,
            "share_of_malignant": float(table[LABEL].mean()),
        },
    )


@dg.asset_check(asset=features, blocking=True)
def features_are_complete(features: pd.DataFrame) -> dg.AssetCheckResult:
    """No measurement is missing, and there are both labels. Without that, nothing is trained."""
    missing = int(features.isna().sum().sum())
    labels = int(features[LABEL].nunique())
    return dg.AssetCheckResult(
        passed=missing == 0 and labels == 2, metadata={"missing": missing, "labels": labels}
    )
