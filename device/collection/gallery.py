"""The gallery: everyone enrolled, in memory, always as new as the collection on disk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.collection.matrix import ReferenceMatrix
from device.collection.sealed_rows import RowSealer
from device.collection.store import Collection
from device.collection.transform import turn
from device.errors import ModelMismatchError
from device.policy.threshold import ThresholdPolicy
from device.types import Match, ModelId, NonMatch, PersonFacts, PersonId, SearchOutcome, Template, Threshold

NO_OTHER_PERSON_MARGIN = 2.0  # the widest margin that two scores in [-1, 1] can have
RELOAD_ABOVE = 0.25  # when more than this share of the people changed, reading everyone anew is quicker


class Gallery:
    """Implements `device.ports.Gallery` over a collection. One thread at a time, the collection's own.

    Every call first asks whether anybody changed the collection, which costs some microseconds, and then reads only the
    people who did. So a person whom another process enrols or erases counts from the next search on.

    Raises TargetUnreachableError when the goal cannot be met with this many references, at the start as later;
    CollectionError's leaves when the file fails. After either nothing is matched until the cause is gone.
    """

    def __init__(self, collection: Collection, *, thresholds: ThresholdPolicy) -> None:
        self._collection = collection
        self._thresholds = thresholds
        self._matrix = ReferenceMatrix()
        self._facts: dict[PersonId, PersonFacts] = {}
        self._seal: RowSealer | None = None  # whose matrix turned the references that were read
        self._token: tuple[int, int, bool] | None = None
        self._revision: int | None = None  # of the collection when it was read; None: read everyone next time
        self._threshold: Threshold | None = None  # None: none could be chosen for this size
        self.refresh()

    @property
    def model_id(self) -> ModelId:
        """The model whose references are searched, and whose probes are accepted."""
        return self._thresholds.model_id

    @property
    def people(self) -> int:
        """How many people are searched."""
        return self._matrix.people

    @property
    def references(self) -> int:
        """How many references are searched."""
        return self._matrix.rows

    @property
    def excluded_people(self) -> int:
        """How many enrolled people cannot be recognised, because their references are of other models."""
        return len(self._facts) - self._matrix.people

    def search(self, probe: Template) -> SearchOutcome:
        """Compare `probe` with everyone. Raises ModelMismatchError for a probe of another model or length."""
        threshold = self.refresh()
        self._refuse_other_model(probe)
        nearest = self._matrix.nearest(self._turned(probe), matters_from=threshold.score)
        if nearest is None:
            return NonMatch(None, threshold)
        if not nearest.score >= threshold.score:  # written so that NaN is no match
            return NonMatch(nearest.score, threshold)
        margin = NO_OTHER_PERSON_MARGIN if nearest.other_score is None else nearest.score - nearest.other_score
        return Match(nearest.person, nearest.score, margin, threshold)

    def compare(self, person: PersonId, probe: Template) -> float | None:
        """The score of `probe` against the nearest reference of `person`; None where there is none of this model.

        Raises ModelMismatchError for a probe of another model or length.
        """
        self.refresh()
        self._refuse_other_model(probe)
        return self._matrix.nearest_of(person, self._turned(probe))

    def facts(self, person: PersonId) -> PersonFacts | None:
        """What the rules need to know of `person`; None when no longer enrolled."""
        self.refresh()
        return self._facts.get(person)

    def refresh(self) -> Threshold:
        """Take over what changed in the collection and return the threshold for the size it has now."""
        token = self._collection.change_token()
        _, _, is_uncommitted = token
        if token != self._token:
            self._token = self._threshold = None
            self._read_changes()
            self._token = token  # asked before reading, so a change in between is only read twice
            if is_uncommitted:
                self._revision = None  # what was read may be rolled back
        if self._threshold is None:
            self._threshold = self._thresholds.choose(self._matrix.rows)
        return self._threshold

    def _refuse_other_model(self, probe: Template) -> None:
        if probe.model_id != self.model_id:
            raise ModelMismatchError(
                f"a probe of {probe.model_id} cannot be compared with references of {self.model_id}"
            )
        if self._matrix.rows and probe.vector.shape != (self._matrix.dimensions,):
            raise ModelMismatchError(
                f"a probe of shape {probe.vector.shape} cannot be compared with {self._matrix.dimensions} dimensions"
            )

    def _read_changes(self) -> None:
        with self._collection.snapshot():
            known, self._revision = self._revision, None  # half of a change must not stay when reading fails
            revision = self._collection.revision()
            changed = self._collection.changed_since(known or 0)
            seal, self._seal = self._seal, self._collection.seal_in_use()
            if (
                known is None
                or self._seal is not seal
                or revision < known
                or len(changed) > RELOAD_ABOVE * len(self._facts)
            ):
                self._read_everyone()
            else:
                self._read_some(changed)
            self._revision = revision

    def _turned(self, probe: Template) -> NDArray[np.float32]:
        """The probe as the references are kept: turned by the site's secret matrix, which changes no score."""
        if self._seal is None or not self._matrix.rows:
            return probe.vector
        return turn(probe.vector, self._seal.matrix(probe.model_id, self._matrix.dimensions))

    def _read_everyone(self) -> None:
        stored = self._collection.references(self.model_id)
        matrix = ReferenceMatrix()
        matrix.put(stored.owners, stored.vectors)
        self._facts = self._collection.facts()
        self._matrix = matrix

    def _read_some(self, people: list[PersonId]) -> None:
        for person in people:
            self._matrix.drop(person)
            facts = self._collection.facts_of(person)
            if facts is None:
                self._facts.pop(person, None)
                continue
            stored = self._collection.references_of(person, model_id=self.model_id)
            self._matrix.put(stored.owners, stored.vectors)
            self._facts[person] = facts
