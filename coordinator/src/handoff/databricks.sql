-- One table of the history and the live records of {{source}}, for Databricks SQL.
-- Job {{job}}; its records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.
-- Run it again whenever more live records are there: what is older than the table's changes nothing.

CREATE OR REPLACE TEMPORARY VIEW lines AS
SELECT 'backfill' AS _origin, value AS line
FROM read_files('{{backfill}}', format => 'text', pathGlobFilter => '{{shards}}')
UNION ALL
SELECT 'live', value
FROM read_files('{{live}}', format => 'text', recursiveFileLookup => true)
-- The two may share a folder, and shards of a backfill are no live records.
WHERE NOT _metadata.file_path RLIKE '/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]';

-- The newest record of each item, removals among them: one that was removed stays removed. Ordered by
-- {{order}}.
CREATE OR REPLACE TEMPORARY VIEW newest AS
{{newest}};

CREATE TABLE IF NOT EXISTS {{table}} ({{key_types}}, _item STRING, _written_at TIMESTAMP, _version STRING, _origin STRING);

MERGE INTO {{table}} AS t USING newest AS n ON {{keys_equal}}
WHEN MATCHED AND n._version > t._version AND n._event = 'REMOVE' THEN DELETE
WHEN MATCHED AND n._version > t._version THEN
  UPDATE SET _item = n._item, _written_at = n._written_at, _version = n._version, _origin = n._origin
WHEN NOT MATCHED AND n._event <> 'REMOVE' THEN
  INSERT ({{keys}}, _item, _written_at, _version, _origin)
  VALUES ({{keys_of_newest}}, n._item, n._written_at, n._version, n._origin);

-- What must hold: each count is as expected.
SELECT 'records of the backfill' AS what, count(*) AS found, {{records}} AS expected
FROM (SELECT {{unfolded_line}} AS r FROM lines WHERE _origin = 'backfill')
UNION ALL
SELECT 'items that are in the table twice', count(*), 0
FROM (SELECT 1 FROM {{table}} GROUP BY {{keys}} HAVING count(*) > 1)
UNION ALL
SELECT 'removed items that are in the table', count(*), 0
FROM {{table}} AS t JOIN newest AS n ON {{keys_equal}} WHERE n._event = 'REMOVE';

-- What there was to read.
SELECT _origin, _event, count(*) AS items, min(_written_at) AS first, max(_written_at) AS last
FROM newest GROUP BY ALL ORDER BY ALL;
