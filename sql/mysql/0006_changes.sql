-- When rows changed, by the database's own clock: a node that may have missed news asks for what has changed meanwhile. Nodes of
-- earlier versions set it as well, without knowing. What is there already counts as changed long ago. Seconds are fine enough,
-- and a conversation that changes twice within one moves only once in the index.
ALTER TABLE `Conversation` ADD COLUMN changed_at TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP, ADD KEY conversation_by_change (changed_at);
ALTER TABLE `Conversation` MODIFY COLUMN changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP;

-- Whoever joins or leaves changes the number of members.
ALTER TABLE `AllGroup` ADD COLUMN changed_at TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP, ADD KEY all_group_by_change (changed_at);
ALTER TABLE `AllGroup` MODIFY COLUMN changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP;

-- Groups that were deleted, for a day: by then they are in no other table.
CREATE TABLE IF NOT EXISTS `GoneGroup` (
    id      INT NOT NULL PRIMARY KEY,
    gone_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    KEY gone_group_by_time (gone_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
