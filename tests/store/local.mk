# The stores' own tests.

check_PROGRAMS += tests/store/contract
tests_store_contract_SOURCES = tests/store/contract.c tests/store/folder.h tests/tap.h
tests_store_contract_LDADD = store/libstore.la
TESTS += tests/store/contract
