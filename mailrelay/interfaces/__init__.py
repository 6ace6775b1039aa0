"""The borders between the wings: zope interfaces, one consumer's need per file.

`smtp`, `store` and `relay` never import each other; `manage` and `http` import none of them. All meet here. Methods
that may wait return Deferreds; a method that turns something down fails with `mailrelay.mail.reply.Refusal`.
"""
