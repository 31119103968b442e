from kanoa_mlops.gateway.policy.pool import Pool, find_pool

POOLS = (Pool("gemma-3-12b-it", (), ("vision", "Default")), Pool("gpt-oss-20b", (), ("reasoning",)))


def test_a_pool_answers_to_its_name_and_aliases_in_any_case() -> None:
    assert find_pool("gemma-3-12b-it", POOLS) is POOLS[0]
    assert find_pool("DEFAULT", POOLS) is POOLS[0]
    assert find_pool("Reasoning", POOLS) is POOLS[1]
    assert find_pool("gemma", POOLS) is None


def test_without_a_name_the_only_pool_is_meant() -> None:
    assert find_pool(None, POOLS[:1]) is POOLS[0]
    assert find_pool(None, POOLS) is None
    assert find_pool(None, ()) is None
