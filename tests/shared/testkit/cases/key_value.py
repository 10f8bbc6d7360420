"""What every `KeyValue` does."""

import asyncio
from collections.abc import Awaitable

import pytest

from flyte_bus.errors import BusUnavailable, Conflict
from flyte_bus.ports import KeyEntry, KeyValue
from flyte_schemas.streams import LEASES_BUCKET, SESSIONS_BUCKET, SETTINGS_BUCKET
from testkit.cases.harness import GUARD_S, BusHarness, exhaust, gathering, take, until


async def gone(bucket: KeyValue, key: str) -> None:
    """Return once the key is not there."""
    async with asyncio.timeout(GUARD_S):
        while await bucket.get(key) is not None:
            await asyncio.sleep(0.05)


async def winners(racing: list[Awaitable[int]]) -> list[int]:
    """Who did not conflict."""
    results = await asyncio.gather(*racing, return_exceptions=True)
    others = [result for result in results if not isinstance(result, int)]
    assert all(isinstance(other, Conflict) for other in others), others
    return [number for number, result in enumerate(results) if isinstance(result, int)]


class KeyValueCases:
    """The contract of `KeyValue`: inherit it, and give a fixture `harness`."""

    # -- write and read -----------------------------------------------------------------------------------

    async def test_what_was_put_is_there(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        assert await bucket.get("one.key") is None
        first = await bucket.put("one.key", b"1")
        assert await bucket.get("one.key") == KeyEntry("one.key", b"1", first)
        second = await bucket.put("one.key", b"2")
        assert second > first
        other = await harness.connect()
        assert await other.bucket(SETTINGS_BUCKET).get("one.key") == KeyEntry("one.key", b"2", second)

    async def test_a_value_may_be_empty(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        revision = await bucket.put("key", b"")
        assert await bucket.get("key") == KeyEntry("key", b"", revision)

    async def test_buckets_are_apart(self, harness: BusHarness) -> None:
        await harness.bus.bucket(SETTINGS_BUCKET).put("key", b"1")
        assert await harness.bus.bucket(LEASES_BUCKET).get("key") is None

    async def test_of_ten_who_create_one_wins(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        (winner,) = await winners([bucket.create("key", b"%d" % n) for n in range(10)])
        entry = await bucket.get("key")
        assert entry is not None
        assert entry.value == b"%d" % winner

    async def test_what_is_there_cannot_be_created(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        revision = await bucket.create("key", b"1")
        with pytest.raises(Conflict):
            await bucket.create("key", b"2")
        assert await bucket.get("key") == KeyEntry("key", b"1", revision)

    async def test_what_was_deleted_can_be_created(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        await bucket.create("key", b"1")
        await bucket.delete("key")
        revision = await bucket.create("key", b"2")
        assert await bucket.get("key") == KeyEntry("key", b"2", revision)

    async def test_an_update_expects_the_last_revision(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        first = await bucket.put("key", b"1")
        await bucket.put("other", b"1")
        second = await bucket.update("key", b"2", revision=first)
        with pytest.raises(Conflict):
            await bucket.update("key", b"3", revision=first)
        assert await bucket.get("key") == KeyEntry("key", b"2", second)

    async def test_of_ten_who_update_one_wins(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        revision = await bucket.put("key", b"")
        (winner,) = await winners([bucket.update("key", b"%d" % n, revision=revision) for n in range(10)])
        entry = await bucket.get("key")
        assert entry is not None
        assert entry.value == b"%d" % winner

    async def test_what_is_not_there_cannot_be_updated(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        with pytest.raises(Conflict):
            await bucket.update("key", b"1", revision=3)
        revision = await bucket.put("key", b"1")
        await bucket.delete("key")
        with pytest.raises(Conflict):
            await bucket.update("key", b"2", revision=revision)
        assert await bucket.get("key") is None

    async def test_what_is_deleted_is_gone(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        await bucket.put("key", b"1")
        await bucket.delete("key")
        assert await bucket.get("key") is None

    async def test_deleting_what_is_not_there_is_harmless(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        await bucket.delete("key")
        assert await bucket.get("key") is None
        await bucket.create("key", b"1")

    # -- time to live -------------------------------------------------------------------------------------

    async def test_a_key_expires(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(LEASES_BUCKET)
        await bucket.put("lasting", b"1")
        await bucket.put("key", b"1", ttl_s=1)
        assert await bucket.get("key") is not None
        await gone(bucket, "key")
        assert await bucket.get("lasting") is not None

    async def test_a_watcher_sees_an_expiry(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SESSIONS_BUCKET)
        async with gathering(bucket.watch()) as seen:
            first = await bucket.create("key", b"1", ttl_s=1)
            await until(lambda: len(seen) == 2)
        assert seen[0] == KeyEntry("key", b"1", first)
        assert (seen[1].key, seen[1].value) == ("key", None)
        assert seen[1].revision > first

    async def test_the_end_of_a_lease_is_told_to_nobody(self, harness: BusHarness) -> None:
        """It is known by its renewals; a bucket that told of it could be emptied by whoever writes to it."""
        bucket = harness.bus.bucket(LEASES_BUCKET)
        async with gathering(bucket.watch()) as seen:
            await bucket.put("key", b"1", ttl_s=1)
            await gone(bucket, "key")
            await bucket.put("other", b"1")
            await until(lambda: len(seen) == 2)
        assert [entry.key for entry in seen] == ["key", "other"]

    async def test_a_key_that_is_renewed_does_not_expire(self, harness: BusHarness) -> None:
        """A key with a longer time than the first expires meanwhile."""
        bucket = harness.bus.bucket(LEASES_BUCKET)
        first = await bucket.put("key", b"1", ttl_s=1)
        second = await bucket.update("key", b"1", revision=first, ttl_s=600)
        await bucket.put("clock", b"1", ttl_s=2)
        await gone(bucket, "clock")
        assert await bucket.get("key") == KeyEntry("key", b"1", second)

    async def test_what_has_expired_can_be_created_but_not_updated(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(LEASES_BUCKET)
        revision = await bucket.create("key", b"1", ttl_s=1)
        await gone(bucket, "key")
        with pytest.raises(Conflict):
            await bucket.update("key", b"2", revision=revision, ttl_s=1)
        assert await bucket.create("key", b"3", ttl_s=600) > revision

    async def test_what_expires_during_an_outage_is_seen_afterwards(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SESSIONS_BUCKET)
        async with gathering(bucket.watch()) as seen:
            await bucket.create("key", b"1", ttl_s=1)
            await until(lambda: len(seen) == 1)
            await harness.stop()
            await asyncio.sleep(1.5)
            await harness.start()
            await until(lambda: len(seen) == 2)
        assert [(entry.key, entry.value) for entry in seen] == [("key", b"1"), ("key", None)]

    # -- watch --------------------------------------------------------------------------------------------

    async def test_a_watcher_sees_what_is_there_and_what_comes(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        await bucket.put("a", b"1")
        await bucket.put("b", b"1")
        await bucket.put("deleted", b"1")
        await bucket.delete("deleted")
        async with gathering(bucket.watch()) as seen:
            await until(lambda: len(seen) == 2)
            assert {(entry.key, entry.value) for entry in seen} == {("a", b"1"), ("b", b"1")}
            second = await bucket.put("a", b"2")
            await until(lambda: len(seen) == 3)
            await bucket.delete("a")
            await until(lambda: len(seen) == 4)
        assert seen[2] == KeyEntry("a", b"2", second)
        assert (seen[3].key, seen[3].value) == ("a", None)

    async def test_a_watcher_sees_an_empty_value_as_a_value(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        revision = await bucket.put("key", b"")
        assert await take(bucket.watch(), 1) == [KeyEntry("key", b"", revision)]

    async def test_a_watcher_sees_only_matching_keys(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        await bucket.put("agent.one", b"1")
        await bucket.put("executor.one", b"1")
        async with gathering(bucket.watch("agent.*")) as seen:
            await until(lambda: len(seen) == 1)
            await bucket.put("executor.two", b"1")
            await bucket.put("agent.two", b"1")
            await until(lambda: len(seen) == 2)
        assert [entry.key for entry in seen] == ["agent.one", "agent.two"]

    async def test_a_watcher_goes_on_after_an_outage(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        await bucket.put("key", b"1")
        async with gathering(bucket.watch()) as seen:
            await until(lambda: len(seen) == 1)
            await harness.stop()
            await asyncio.sleep(0.1)
            await harness.start()
            await bucket.put("other", b"2")
            await until(lambda: any(entry.key == "other" for entry in seen))
        assert [(entry.key, entry.value) for entry in seen] == [("key", b"1"), ("other", b"2")]

    async def test_closing_the_bus_ends_its_watchers(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await harness.bus.bucket(SETTINGS_BUCKET).put("key", b"1")
        watching = asyncio.create_task(exhaust(other.bucket(SETTINGS_BUCKET).watch()))
        await asyncio.sleep(0.2)
        await other.close()
        assert [entry.key for entry in await watching] == ["key"]

    # -- outages ------------------------------------------------------------------------------------------

    async def test_keys_survive_an_outage(self, harness: BusHarness) -> None:
        bucket = harness.bus.bucket(SETTINGS_BUCKET)
        first = await bucket.put("key", b"1")
        await harness.stop()
        reading = asyncio.create_task(bucket.get("key"))
        writing = asyncio.create_task(bucket.update("key", b"2", revision=first))
        await asyncio.sleep(0.1)
        assert not reading.done()
        assert not writing.done()
        await harness.start()
        assert await writing > first
        entry = await reading
        assert entry is not None
        assert entry.value in (b"1", b"2")

    async def test_patience_ends(self, harness: BusHarness) -> None:
        hasty = await harness.connect(patience_s=0.3)
        await harness.stop()
        with pytest.raises(BusUnavailable):
            await hasty.bucket(SETTINGS_BUCKET).get("key")
        with pytest.raises(BusUnavailable):
            await hasty.bucket(SETTINGS_BUCKET).put("key", b"1")
