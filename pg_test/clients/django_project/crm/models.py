from django.conf import settings
from django.db import models


class Owned(models.Model):
    """A row of one user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, editable=False)
    title = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self):
        return self.title


class Account(Owned):
    pass


class Address(Owned):
    pass


class Appointment(Owned):
    pass


class Attachment(Owned):
    pass


class Campaign(Owned):
    pass


class Comment(Owned):
    pass


class Contact(Owned):
    pass


class Contract(Owned):
    pass


class Deal(Owned):
    pass


class Expense(Owned):
    pass


class Goal(Owned):
    pass


class Invoice(Owned):
    pass


class Label(Owned):
    pass


class Lead(Owned):
    pass


class Message(Owned):
    pass


class Order(Owned):
    amount = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    labels = models.ManyToManyField(Label)


class Line(Owned):
    order = models.ForeignKey(Order, models.CASCADE)


class Reminder(Owned):
    pass


class Report(Owned):
    pass


class Task(Owned):
    done = models.BooleanField(default=False)
