"""What tasks may ask, and what it costs."""

from dataclasses import replace

import pytest
from lab import LABELS, list_of, taxon
from meter import Meter

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm, Category
from chalicelib.aws import clock
from chalicelib.errors import Invalid
from chalicelib.postprocessing.knowledge import Known
from chalicelib.taxa import service as taxa


def test_lineages_of_all_classes_are_read_together(real_table: str) -> None:
    made = Algorithm("classifier", "Classifier", clock.now())
    algorithms.ensure(made, [Category(at, each) for at, each in enumerate((*LABELS, "moth"))], with_taxa=True)
    tree = {"Noctuidae": ("FAMILY", None), "Noctua": ("GENUS", "Noctuidae")}
    for name, (rank, parent) in {**tree, **dict.fromkeys(LABELS, ("SPECIES", "Noctua"))}.items():
        found = taxa.ensure({name: (rank, None)})[name]
        above = taxon(parent) if parent else None
        taxa.change(replace(found, rank=rank, parent_id=above), found.updated_at, clock.now())  # type: ignore[arg-type]
    known = Known(ids.new_project_id())
    with Meter() as meter:
        classes = known.taxa_of("classifier")
        assert known.taxa_of("classifier") == classes
        lines = [known.lineage_of(each) for each in classes if each]
    # The categories; then species, genera and families, each level in one.
    assert meter.requests == {"GetItem": 1, "BatchGetItem": 3}
    genus, family = taxon("Noctua"), taxon("Noctuidae")
    assert lines == [*({"SPECIES": taxon(each), "GENUS": genus, "FAMILY": family} for each in LABELS), {}]
    assert known.taxa_of("nobody") == ()


def test_a_list_must_be_there_be_ours_and_stay_as_it_was(real_table: str) -> None:
    ours, theirs = ids.new_project_id(), ids.new_project_id()
    everybodys, own = list_of(*LABELS), list_of(LABELS[0], project_id=ours)
    known = Known(ours)
    assert known.members_of(own) == {taxon(LABELS[0])}
    assert known.members_of(everybodys) == {taxon(each) for each in LABELS}
    assert Known(ours, known.pins()).members_of(own) == {taxon(LABELS[0])}
    taxa.add(own, [taxon(LABELS[1])])
    for refusing, list_id in (
        (Known(theirs), own),
        (Known(ours, known.pins()), own),
        (known, ids.new_taxa_list_id()),
        (known, "nonsense"),
    ):
        with pytest.raises(Invalid) as error:
            refusing.members_of(list_id)
        assert set(error.value.fields) == {"taxa_list_id"}
