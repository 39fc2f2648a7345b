"""Old code runs on the new schema, so that workers and web servers are replaced one by one.

During a rolling upgrade the database is migrated while processes of the release before still run.
They neither read what was added nor fill it, and still want all that was there. So a migration only
adds; what is taken away goes in the release after the one that stopped using it, with a marker in
the migration: ``unused_since = "1.4"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models.fields import NOT_PROVIDED

OURS = "spojka."
REMOVING = (
    migrations.DeleteModel,
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterModelTable,
    migrations.AlterUniqueTogether,
)


def ours() -> Iterable[tuple[str, str]]:
    """Return the migrations of our own apps, in the order in which they are applied."""
    loader = MigrationLoader(None)
    graph = loader.graph
    plan: dict[tuple[str, str], None] = {}
    for leaf in sorted(graph.leaf_nodes()):
        plan |= dict.fromkeys(graph.forwards_plan(leaf))
    return [key for key in plan if loader.disk_migrations[key].__module__.startswith(OURS)]


def findings(migration: Migration, before: ProjectState) -> Iterator[str]:
    """Yield what the release before would stumble over; ``before`` is moved on."""
    fresh: set[str] = set()
    for operation in migration.operations:
        if not hasattr(migration, "unused_since"):
            yield from _findings(operation, migration.app_label, before, fresh)
        if isinstance(operation, migrations.CreateModel):
            fresh.add(operation.name.lower())
        operation.state_forwards(migration.app_label, before)


def _findings(
    operation: Operation, app: str, before: ProjectState, fresh: set[str]
) -> Iterator[str]:
    what = operation.describe()
    model = str(getattr(operation, "model_name", "")).lower()
    if model in fresh:
        return  # a model that the release before does not know
    if isinstance(operation, REMOVING):
        yield f"{what}: the release before still uses it"
    elif isinstance(operation, migrations.AddField):
        field = operation.field
        if field.many_to_many or field.null or field.db_default is not NOT_PROVIDED:
            return
        yield f"{what}: the release before does not fill it (null=True or db_default)"
    elif isinstance(operation, migrations.AlterField):
        old = before.models[app, model].get_field(operation.name)
        yield from (f"{what}: {reason}" for reason in narrowed(old, operation.field))
    elif isinstance(operation, migrations.AddConstraint):
        yield f"{what}: the release before may write what it forbids"
    elif isinstance(operation, migrations.SeparateDatabaseAndState):
        for inner in operation.database_operations:
            yield from _findings(inner, app, before, fresh)


def narrowed(old: models.Field, new: models.Field) -> Iterator[str]:  # type: ignore[type-arg]
    """Yield in what a field takes less than it took."""
    if old.null and not new.null and new.db_default is NOT_PROVIDED:
        yield "null is no longer taken"
    if not old.unique and new.unique:
        yield "values must be unique now"
    for limit in ("max_length", "max_digits"):
        before, after = getattr(old, limit, None), getattr(new, limit, None)
        if after is not None and (before is None or after < before):
            yield f"{limit} is smaller"
    if getattr(old, "decimal_places", 0) != getattr(new, "decimal_places", 0):
        yield "other decimal places"
    if old.get_internal_type() != new.get_internal_type():
        yield "another type"
    if old.db_column != new.db_column:
        yield "another column"


def all_findings() -> dict[str, list[str]]:
    loader = MigrationLoader(None)
    state = ProjectState()
    found = {}
    for key in ours():
        migration = loader.disk_migrations[key]
        if reasons := list(findings(migration, state)):
            found[".".join(key)] = reasons
    return found


def test_every_migration_leaves_room_for_the_release_before() -> None:
    assert all_findings() == {}


# The checker itself


def migration(*operations: Operation, unused_since: str = "") -> Migration:
    made = type("Made", (Migration,), {"operations": list(operations)})("0002_made", "shop")
    if unused_since:
        made.__dict__["unused_since"] = unused_since
    return made


def state() -> ProjectState:
    state = ProjectState()
    fields: list[tuple[str, models.Field]] = [  # type: ignore[type-arg]
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=50, null=True)),
    ]
    migrations.CreateModel("Thing", fields).state_forwards("shop", state)
    return state


@pytest.mark.parametrize(
    "operation",
    [
        lambda: migrations.RemoveField("Thing", "name"),
        lambda: migrations.RenameField("Thing", "name", "title"),
        lambda: migrations.DeleteModel("Thing"),
        lambda: migrations.AddField("Thing", "size", models.IntegerField(default=1)),
        lambda: migrations.AlterField("Thing", "name", models.CharField(max_length=50)),
        lambda: migrations.AlterField("Thing", "name", models.CharField(max_length=9, null=True)),
        lambda: migrations.AlterField("Thing", "name", models.IntegerField(null=True)),
        lambda: migrations.AddConstraint(
            "Thing", models.UniqueConstraint(fields=["name"], name="once")
        ),
    ],
)
def test_what_the_release_before_would_stumble_over_is_found(
    operation: Callable[[], Operation],
) -> None:
    assert len(list(findings(migration(operation()), state()))) == 1
    assert not list(findings(migration(operation(), unused_since="1.0"), state()))


@pytest.mark.parametrize(
    "operation",
    [
        lambda: migrations.AddField("Thing", "size", models.IntegerField(null=True)),
        lambda: migrations.AddField("Thing", "size", models.IntegerField(db_default=0)),
        lambda: migrations.AlterField("Thing", "name", models.CharField(max_length=99, null=True)),
        lambda: migrations.AddIndex("Thing", models.Index(fields=["name"], name="by_name")),
        lambda: migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]),
    ],
)
def test_what_only_adds_is_let_through(operation: Callable[[], Operation]) -> None:
    assert list(findings(migration(operation()), state())) == []
