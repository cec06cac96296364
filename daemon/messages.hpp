// SPDX-License-Identifier: Apache-2.0
// MESSAGE_ID= of what the daemon says in the journal (systemd.journal-fields(7)), one for each kind of
// message that a program may wait for. They never change. units/plimsoll.catalog explains each to people, and
// units/units_test.py holds the two together.
#pragma once
#include <string_view>

namespace plimsoll::daemon::messages {

// A verdict became fail.
inline constexpr std::string_view out_of_line{"0d34aca29d6e478ba2fb8c4d4b51fe92"};
// A fix of the daemon ended a failure.
inline constexpr std::string_view healed{"b5fbcfad38c94c34882ad04c9729d1fb"};
// A fix of the daemon did not work.
inline constexpr std::string_view heal_failed{"4f4b8549c36f4a66acd828b53421c97d"};
// A key is not enforced any more, for somebody keeps changing it back.
inline constexpr std::string_view contested{"922546b4afab462881b7f4f8634981af"};
// Files of the policy are refused; what was in force stays.
inline constexpr std::string_view policy_refused{"fbda3f5293d74372ad1212852f5ede01"};
// Another policy is in force.
inline constexpr std::string_view policy_loaded{"6a305b05ea5e47fa8e5935cedfbfde1f"};
// The database was damaged; its history is lost.
inline constexpr std::string_view store_set_aside{"b33d151759654fdb900de6913ddc3c68"};
// Changes were not heard of one by one; what they may concern was looked at in full.
inline constexpr std::string_view events_lost{"995549938bb24584be38027247d1034c"};
// A process of a container, or of a service with mounts of its own, was denied something.
inline constexpr std::string_view denied{"70fa6f9ee4b14e4fae1d3b40a3c4ab06"};
// The daemon looks after the host.
inline constexpr std::string_view started{"77b03928bccd4c2b8de65b441efb2e93"};
// It does no longer.
inline constexpr std::string_view stopped{"579b049708524a1caf884f979b3c7384"};

}  // namespace plimsoll::daemon::messages
