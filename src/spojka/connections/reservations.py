"""Numbers reserved for documents before they are sent, in systems that let us number.

A reservation is committed before it is returned, so that a worker that is killed while it sends
leaves a number that is known to be in doubt. Workers that reserve at once wait for each other at
the connection's row.
"""

from __future__ import annotations

from django.db import transaction

from spojka.connections.models import Connection, ReservedNumber


class StoredReservations:
    """The :class:`~spojka.accounting.contract.Reservations` of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def reserved(self, key: str) -> int | None:
        """Return the number reserved under ``key``, if there is one."""
        return (
            ReservedNumber.objects.filter(connection=self._connection, key=key)
            .values_list("number", flat=True)
            .first()
        )

    def reserve(self, series: str, key: str, last: int) -> int:
        """Reserve the lowest free number of ``series`` above ``last``, once per key.

        A number reserved under ``key`` in another series, or not above ``last`` any more, is given
        up: others used it.
        """
        with transaction.atomic(durable=True):
            Connection.objects.select_for_update(no_key=True).get(pk=self._connection.pk)
            rows = ReservedNumber.objects.filter(connection=self._connection)
            mine = rows.filter(key=key).first()
            if mine is not None:
                if mine.series == series and mine.number > last:
                    return mine.number
                mine.delete()
            taken = rows.filter(series=series)
            taken.filter(key=None, number__lte=last).delete()
            returned = taken.filter(key=None).order_by("number").first()
            if returned is not None:
                returned.key = key
                returned.save(update_fields=["key"])
                return returned.number
            number = last + 1
            above = taken.filter(number__gt=last).order_by("number")
            for used in above.values_list("number", flat=True):
                if used != number:
                    break
                number += 1
            ReservedNumber.objects.create(
                connection=self._connection, series=series, number=number, key=key
            )
            return number

    def give_back(self, key: str) -> None:
        """Give up the reservation of ``key``: nothing was made under it."""
        ReservedNumber.objects.filter(connection=self._connection, key=key).update(key=None)
