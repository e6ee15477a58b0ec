"""Deployments in a real table: what is kept of their settings, and what a row without them means."""

from dataclasses import replace

from world import NOW, a_deployment, a_project

from chalicelib.aws import keys
from chalicelib.captures.timestamps import SOURCES
from chalicelib.deployments import service as deployments
from chalicelib.deployments.store import DeploymentRow


def test_settings_of_the_camera_are_kept_and_changed(table: str) -> None:
    made = a_deployment(a_project(), timestamp_sources=("exif",), clock_offset_seconds=-3600)
    assert deployments.find(made.id, consistent=True) == made
    changed = replace(made, timestamp_sources=("exif", "filename"), camera_observes_dst=True)
    deployments.change(changed, made.updated_at, NOW)
    assert deployments.find(made.id, consistent=True) == changed


def test_a_row_of_before_these_settings_means_their_defaults(table: str) -> None:
    made = a_deployment(a_project())
    DeploymentRow(*keys.deployment(made.id)).update(
        actions=[
            DeploymentRow.timestamp_sources.remove(),
            DeploymentRow.camera_observes_dst.remove(),
            DeploymentRow.clock_offset_seconds.remove(),
            DeploymentRow.duplicates.remove(),
        ]
    )
    found = deployments.find(made.id, consistent=True)
    assert found == made
    assert (found.timestamp_sources, found.camera_observes_dst) == (SOURCES, False)
    assert (found.clock_offset_seconds, found.inherited.duplicates) == (0, "flag")
