-- Included after a hole was found: executes every remedy, as psql would a line that was pasted.
SELECT remedy FROM warden.doctor() WHERE code <> 'server_outdated' \gexec
SELECT t.is(found(), NULL, 'mended by its remedy');
