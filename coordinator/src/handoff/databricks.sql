-- One table of the history and the live records of {{source}}, for Databricks SQL.
-- {{jobs}}: the records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.
-- Run it again whenever more live records are there: what is older than the table's changes nothing.

CREATE OR REPLACE TEMPORARY VIEW lines AS
{{backfill_lines}}
UNION ALL
SELECT 'live', value
FROM read_files('{{live}}', format => 'text', recursiveFileLookup => true)
-- The two may share a folder, and shards of a backfill are no live records.
WHERE NOT _metadata.file_path RLIKE '/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]';

CREATE OR REPLACE TEMPORARY VIEW changes AS
{{changes}};

-- The newest record of each item, removals among them: one that was removed stays removed. Ordered by
-- {{order}}.
CREATE OR REPLACE TEMPORARY VIEW newest AS
SELECT * FROM (
  SELECT *, row_number() OVER (PARTITION BY {{keys}} ORDER BY _version DESC, _written_at DESC) AS _place FROM changes)
WHERE _place = 1;

CREATE TABLE IF NOT EXISTS {{table}} ({{key_types}}, _item STRING, _written_at TIMESTAMP, _version STRING, _origin STRING);

MERGE INTO {{table}} AS t USING newest AS n ON {{keys_equal}}
WHEN MATCHED AND n._version > t._version AND n._event = 'REMOVE' THEN DELETE
WHEN MATCHED AND n._version > t._version THEN
  UPDATE SET _item = n._item, _written_at = n._written_at, _version = n._version, _origin = n._origin
WHEN NOT MATCHED AND n._event <> 'REMOVE' THEN
  INSERT ({{keys}}, _item, _written_at, _version, _origin)
  VALUES ({{keys_of_newest}}, n._item, n._written_at, n._version, n._origin);

-- What there was to read.
SELECT _origin, _event, count(*) AS records, min(_written_at) AS first, max(_written_at) AS last
FROM changes GROUP BY ALL ORDER BY ALL;

-- What must hold: each count is as expected.
SELECT 'records of the backfill' AS what, count(*) AS found, {{records}} AS expected
FROM changes WHERE _origin <> 'live'
UNION ALL
SELECT 'items that are in the table twice', count(*), 0
FROM (SELECT 1 FROM {{table}} GROUP BY {{keys}} HAVING count(*) > 1)
UNION ALL
SELECT 'removed items that are in the table', count(*), 0
FROM {{table}} AS t JOIN newest AS n ON {{keys_equal}} WHERE n._event = 'REMOVE'
UNION ALL
SELECT 'items of the newest records that are not in the table', count(*), 0
FROM newest AS n LEFT JOIN {{table}} AS t ON {{keys_equal}}
WHERE n._event <> 'REMOVE' AND (t._version IS NULL OR t._version < n._version)
UNION ALL
SELECT 'records without a key', count(*), 0 FROM changes WHERE {{keys_missing}} OR _version IS NULL;
