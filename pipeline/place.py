"""Where the dataset lies: the settings of every program that writes or reads it."""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.dataset_store import Where, open_store, where


class DatasetPlace(BaseModel):
    """Where the dataset lies. The same keys for every program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(default=Path("calltape-data"), description="Folder that holds the journal and the dataset.")
    dataset: str = Field(
        default="",
        description="Where the dataset lies, if not in the data directory: another folder, or an address on an object "
        "store such as s3://bucket/prefix.",
    )
    object_store: dict[str, str] = Field(
        default={},
        repr=False,
        description="Options for an object store: endpoint, region, access_key_id, secret_access_key, allow_http and "
        "what else the Rust crate object_store knows. What is not given comes from the usual AWS_* variables.",
    )

    @property
    def place(self) -> Where:
        """A folder, or an address and its options."""
        return where(self.data_dir, self.dataset, self.object_store)

    @field_validator("object_store", mode="before")
    @classmethod
    def _as_text(cls, given: Any) -> Any:
        if isinstance(given, str):
            try:
                given = json.loads(given)
            except ValueError as error:
                raise ValueError(f"must be a JSON object of options: {error}") from error
        if isinstance(given, dict):
            return {
                name: json.dumps(value) if isinstance(value, bool | int) else value for name, value in given.items()
            }
        return given

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        if self.dataset:
            open_store(self.place)
        return self
