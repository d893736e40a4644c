"""Rows that are sealed: how each value of a person is bound to its place."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from device.collection.people import VECTOR_DTYPE, name_key
from device.collection.seal import PersonSeal, Sealer
from device.collection.transform import orthogonal_matrix, seed_bytes, turn
from device.types import ModelId, PersonId


def random_row_id(kind: str) -> str:
    """A new opaque id of 64 random bits with the first letter of what it names, such as `r-1f0c8a92b37d4e65`."""
    return f"{kind}-{secrets.token_hex(8)}"


class RowSealer:
    """Seals and opens the columns of the collection under one site key and generation of templates."""

    def __init__(self, sealer: Sealer) -> None:
        self.sealer = sealer
        self._matrices: dict[tuple[ModelId, int], NDArray[np.float32]] = {}

    @property
    def key_id(self) -> str:
        """Of the site key."""
        return self.sealer.key_id

    @property
    def generation(self) -> int:
        """Of the secret matrices."""
        return self.sealer.generation

    def matrix(self, model_id: ModelId, dimensions: int) -> NDArray[np.float32]:
        """The secret orthogonal matrix for templates of one model, (dimensions, dimensions) float32."""
        place = (model_id, dimensions)
        if place not in self._matrices:
            seed = self.sealer.matrix_seed(model_id, length=seed_bytes(dimensions))
            self._matrices[place] = orthogonal_matrix(seed, dimensions=dimensions)
        return self._matrices[place]

    def seal_name(self, seal: PersonSeal, name: str) -> tuple[bytes, bytes]:
        """A cleaned name as it is kept, and the tag by which it is found."""
        return seal.seal(name.encode(), "name"), self.sealer.name_tag(name_key(name))

    def seal_external_id(self, seal: PersonSeal, external_id: str) -> tuple[bytes, bytes]:
        """A cleaned external id as it is kept, and the tag by which it is found."""
        return seal.seal(external_id.encode(), "external id"), self.sealer.external_id_tag(external_id)

    def seal_vector(self, seal: PersonSeal, row: VectorRow, vector: NDArray[np.float32]) -> bytes:
        """A template's vector, (dimensions,) of unit length, turned and sealed for its row."""
        turned = turn(vector, self.matrix(row.model_id, len(vector)))
        return seal.seal(turned.astype(VECTOR_DTYPE).tobytes(), *self._vector_place(row))

    def open_vector(self, seal: PersonSeal, row: VectorRow, sealed: bytes) -> bytes:
        """The turned vector of a row as bytes, little-endian float32. Raises UnsealError."""
        return seal.unseal(sealed, *self._vector_place(row))

    def turned_back(self, turned: NDArray[np.float32], model_id: ModelId) -> NDArray[np.float32]:
        """The vector, (dimensions,), as the network made it, within rounding."""
        return turn(turned, self.matrix(model_id, len(turned)).T)

    def open_vectors(self, rows: Sequence[tuple[str, str, bytes, bytes]], model_id: ModelId) -> list[bytes]:
        """The turned vectors of rows (id, person, sealed_key, sealed_vector). Raises UnsealError.

        A person's key is opened once for as many rows as follow each other.
        """
        opened, owner, seal = [], None, None
        for row_id, person, sealed_key, sealed in rows:
            if seal is None or person != owner:
                owner, seal = person, self.sealer.open_person(PersonId(person), sealed_key)
            opened.append(seal.unseal(sealed, "vector", row_id, model_id, self._generation_text))
        return opened

    def _vector_place(self, row: VectorRow) -> tuple[str, ...]:
        return ("vector", row.id, row.model_id, self._generation_text)

    @cached_property
    def _generation_text(self) -> str:
        return str(self.generation)


@dataclass(frozen=True, slots=True)
class VectorRow:
    """Where a vector is kept."""

    id: str
    model_id: ModelId
