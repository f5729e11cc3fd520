-- One table of the history and the live records of {{source}}.
-- {{jobs}}: the records show the table at {{shown}} UTC. Live records count from {{since}} UTC on.
-- Run it again whenever more live records are there: what is older than the table's changes nothing.
{{setup}}
CREATE OR REPLACE TEMP VIEW lines AS
{{backfill_lines}}
UNION ALL
SELECT 'live', json
FROM read_json_objects('{{live}}/**', format = 'auto', maximum_object_size = 268435456, filename = true)
-- The two may share a folder: shards of a backfill are no live records, and names that begin with _ or . are no data.
WHERE NOT regexp_matches(filename, '/part-[0-9a-f]{8}-[0-9]{6,}-[0-9]{5,}[.]')
  AND NOT regexp_matches(substr(filename, length('{{live}}') + 1), '/[_.]');

CREATE OR REPLACE TEMP VIEW records AS SELECT _origin, {{unfolded_line}} AS r FROM lines;

CREATE OR REPLACE TEMP VIEW changes AS
SELECT * FROM (
  SELECT _origin,
       {{key_values}},
       {{event}} AS _event,
       {{written_at}} AS _written_at,
       {{version}} AS _version,
       {{image}} AS _item
  FROM records)
WHERE _origin <> 'live' OR _written_at >= TIMESTAMP '{{since}}';

-- The newest record of each item, removals among them: one that was removed stays removed. Ordered by
-- {{order}}.
CREATE OR REPLACE TEMP TABLE newest AS
SELECT * FROM changes
QUALIFY row_number() OVER (PARTITION BY {{keys}} ORDER BY _version DESC, _written_at DESC) = 1;

CREATE TABLE IF NOT EXISTS {{table}} ({{key_types}}, _item JSON, _written_at TIMESTAMP, _version VARCHAR, _origin VARCHAR);

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
